# Workflows come in with GitHub's own tokens, which last minutes: no key of this account lies there. A role is for one environment of one
# repository, so that what an environment demands (reviewers, branches) is demanded of whoever wants the role.
resource "aws_iam_openid_connect_provider" "github" {
  count          = var.github_oidc_provider_arn == null ? 1 : 0
  url            = "https://token.actions.githubusercontent.com"
  client_id_list = ["sts.amazonaws.com"]
}

locals {
  github_provider = coalesce(var.github_oidc_provider_arn, one(aws_iam_openid_connect_provider.github[*].arn))
  # Training has no role, unless it is wanted there.
  github_roles = { for role, environments in var.github_environments : role => environments if length(environments) > 0 }
  # Who makes candidates and features.
  jobs = concat([aws_iam_role.task["job"].arn], [for role, one in aws_iam_role.github : one.arn if role == "train"])
  # Who says what of a candidate may serve, and what may not.
  approvers = concat([aws_iam_role.github["approve"].arn], aws_iam_role.approver[*].arn)
}

data "aws_iam_policy_document" "github_assume" {
  for_each = local.github_roles

  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [local.github_provider]
    }

    condition {
      test     = "StringEquals"
      variable = "token.actions.githubusercontent.com:aud"
      values   = ["sts.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "token.actions.githubusercontent.com:sub"
      values   = [for environment in each.value : "repo:${var.github_repository}:environment:${environment}"]
    }
  }
}

resource "aws_iam_role" "github" {
  for_each             = local.github_roles
  name                 = "${var.name}-github-${each.key}"
  description          = "The workflow ${each.key} of ${var.github_repository}"
  assume_role_policy   = data.aws_iam_policy_document.github_assume[each.key].json
  max_session_duration = 3600
}

data "aws_iam_policy_document" "deploy" {
  statement {
    sid       = "Registry"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }

  # Tags cannot be moved, so that what was pushed once stays what it is.
  statement {
    sid = "Images"
    actions = [
      "ecr:BatchCheckLayerAvailability",
      "ecr:BatchGetImage",
      "ecr:CompleteLayerUpload",
      "ecr:DescribeImages",
      "ecr:DescribeImageScanFindings",
      "ecr:GetDownloadUrlForLayer",
      "ecr:InitiateLayerUpload",
      "ecr:PutImage",
      "ecr:UploadLayerPart",
    ]
    resources = [for repository in aws_ecr_repository.main : repository.arn]
  }

  # ECS holds neither of these to a family. What a new task definition can be given is bounded by the roles that may be passed to it, below.
  statement {
    sid       = "Definitions"
    actions   = ["ecs:DescribeTaskDefinition", "ecs:RegisterTaskDefinition"]
    resources = ["*"]
  }

  statement {
    sid     = "Roles"
    actions = ["iam:PassRole"]
    resources = [
      aws_iam_role.execution["host"].arn, aws_iam_role.task["host"].arn,
      aws_iam_role.execution["job"].arn, aws_iam_role.task["job"].arn,
      aws_iam_role.execution["order"].arn,
    ]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ecs-tasks.amazonaws.com"]
    }
  }

  statement {
    sid       = "Host"
    actions   = ["ecs:DescribeServices", "ecs:UpdateService"]
    resources = [aws_ecs_service.host.arn]
  }

  # Rounds of the job and orders (a rollback of the model), which run.sh starts.
  statement {
    sid     = "Run"
    actions = ["ecs:RunTask"]
    resources = flatten([
      for definition in [aws_ecs_task_definition.job, aws_ecs_task_definition.order] :
      [definition.arn_without_revision, "${definition.arn_without_revision}:*"]
    ])

    condition {
      test     = "ArnEquals"
      variable = "ecs:cluster"
      values   = [aws_ecs_cluster.main.arn]
    }
  }

  statement {
    sid       = "Watch"
    actions   = ["ecs:DescribeTasks"]
    resources = ["arn:aws:ecs:${var.region}:${var.account_id}:task/${aws_ecs_cluster.main.name}/*"]
  }

  # Why the host refused an order. Not what a round says, which may be of people.
  statement {
    sid       = "Refusals"
    actions   = ["logs:GetLogEvents"]
    resources = ["${aws_cloudwatch_log_group.main["order"].arn}:log-stream:*"]
  }
}

resource "aws_iam_role_policy" "github" {
  for_each = aws_iam_role.github
  name     = "work"
  role     = each.value.id
  policy = {
    deploy  = data.aws_iam_policy_document.deploy.json
    review  = data.aws_iam_policy_document.review.json
    approve = data.aws_iam_policy_document.approve.json
    # What a round of the job may do, which is the same wherever it runs.
    train = data.aws_iam_policy_document.job.json
  }[each.key]
}

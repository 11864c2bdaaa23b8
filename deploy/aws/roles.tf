# Whom a task is, in two halves: `execution` is ECS on its behalf, before it starts (its image, its secrets as variables, its log), and
# `task` is what its programs may do. Orders need nothing of AWS, and have no second half.

locals {
  secret_arns = { for name, secret in aws_secretsmanager_secret.main : name => secret.arn }
  # What each task is handed as variables.
  handed_secrets = {
    host  = []
    job   = ["job-key", "ingest-token"]
    order = ["admin-token"]
  }
  task_images = {
    host  = ["host", "job", "aws-cli"]
    job   = ["job", "aws-cli"]
    order = ["aws-cli"]
  }
  bucket_arns = { for name, bucket in aws_s3_bucket.main : name => bucket.arn }
}

data "aws_iam_policy_document" "tasks_assume" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }

    # No other account gets ECS to use these roles for it.
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.account_id]
    }
  }
}

# Execution -----------------------------------------------------------------------------------------------------------------------

resource "aws_iam_role" "execution" {
  for_each           = local.handed_secrets
  name               = "${var.name}-${each.key}-execution"
  description        = "ECS, before it starts a task of ${each.key}"
  assume_role_policy = data.aws_iam_policy_document.tasks_assume.json
}

data "aws_iam_policy_document" "execution" {
  for_each = local.handed_secrets

  # The one action of ECR that cannot be held to a repository: it gives a token, with these same rights.
  statement {
    sid       = "Registry"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }

  statement {
    sid       = "Images"
    actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    resources = [for name in local.task_images[each.key] : aws_ecr_repository.main[name].arn]
  }

  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.main[each.key].arn}:*"]
  }

  dynamic "statement" {
    for_each = length(each.value) == 0 ? [] : [each.value]

    content {
      sid       = "Secrets"
      actions   = ["secretsmanager:GetSecretValue"]
      resources = [for name in statement.value : local.secret_arns[name]]
    }
  }

  dynamic "statement" {
    for_each = length(each.value) == 0 ? [] : [each.value]

    content {
      sid       = "Key"
      actions   = ["kms:Decrypt"]
      resources = [aws_kms_key.main.arn]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["secretsmanager.${var.region}.amazonaws.com"]
      }
    }
  }
}

resource "aws_iam_role_policy" "execution" {
  for_each = local.handed_secrets
  name     = "start"
  role     = aws_iam_role.execution[each.key].id
  policy   = data.aws_iam_policy_document.execution[each.key].json
}

# Task ----------------------------------------------------------------------------------------------------------------------------

resource "aws_iam_role" "task" {
  for_each           = toset(["host", "job"])
  name               = "${var.name}-${each.key}"
  description        = "The programs of a task of ${each.key}"
  assume_role_policy = data.aws_iam_policy_document.tasks_assume.json
}

data "aws_iam_policy_document" "host" {
  statement {
    sid       = "ListApproved"
    actions   = ["s3:ListBucket"]
    resources = [local.bucket_arns.modules]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["approved", "approved/*"]
    }
  }

  statement {
    sid     = "Read"
    actions = ["s3:GetObject"]
    resources = [
      "${local.bucket_arns.modules}/approved/*",
      "${local.bucket_arns.policy}/trust.toml",
      "${local.bucket_arns.data}/features/features.parquet",
    ]
  }

  # Without it S3 says "forbidden" of features that are not there yet, which nothing could tell from a fault.
  statement {
    sid       = "ListFeatures"
    actions   = ["s3:ListBucket"]
    resources = [local.bucket_arns.data]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["features/*"]
    }
  }

  # To write and not to read: what was logged is for others to look at.
  statement {
    sid       = "LogPredictions"
    actions   = ["s3:PutObject"]
    resources = ["${local.bucket_arns.predictions}/*"]
  }

  statement {
    sid       = "ListPredictions"
    actions   = ["s3:ListBucket"]
    resources = [local.bucket_arns.predictions]
  }

  statement {
    sid       = "Secrets"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [local.secret_arns["tokens"], local.secret_arns["host-tls"]]
  }

  statement {
    sid       = "Ledger"
    actions   = ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"]
    resources = [aws_efs_file_system.ledger.arn]

    condition {
      test     = "StringEquals"
      variable = "elasticfilesystem:AccessPointArn"
      values   = [aws_efs_access_point.ledger.arn]
    }
  }

  statement {
    sid       = "Key"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [aws_kms_key.main.arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${var.region}.amazonaws.com", "secretsmanager.${var.region}.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "job" {
  # What is approved is compared with, and versions count on from the candidates.
  statement {
    sid       = "ListModules"
    actions   = ["s3:ListBucket"]
    resources = [local.bucket_arns.modules]
  }

  statement {
    sid       = "ListLoans"
    actions   = ["s3:ListBucket"]
    resources = [local.bucket_arns.data]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["loans", "loans/*"]
    }
  }

  statement {
    sid     = "Read"
    actions = ["s3:GetObject"]
    resources = [
      "${local.bucket_arns.modules}/approved/*",
      "${local.bucket_arns.modules}/candidates/*",
      "${local.bucket_arns.policy}/trust.toml",
      "${local.bucket_arns.data}/loans/*",
    ]
  }

  statement {
    sid     = "Write"
    actions = ["s3:PutObject"]
    resources = [
      "${local.bucket_arns.modules}/candidates/*",
      "${local.bucket_arns.data}/features/*",
    ]
  }

  statement {
    sid       = "Key"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [aws_kms_key.main.arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${var.region}.amazonaws.com"]
    }
  }
}

resource "aws_iam_role_policy" "task" {
  for_each = {
    host = data.aws_iam_policy_document.host.json
    job  = data.aws_iam_policy_document.job.json
  }
  name   = "work"
  role   = aws_iam_role.task[each.key].id
  policy = each.value
}

# People who approve ----------------------------------------------------------------------------------------------------------------

data "aws_iam_policy_document" "approver_assume" {
  count = length(var.approver_principals) > 0 ? 1 : 0

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "AWS"
      identifiers = var.approver_principals
    }
  }
}

resource "aws_iam_role" "approver" {
  count              = length(var.approver_principals) > 0 ? 1 : 0
  name               = "${var.name}-approver"
  description        = "A person who reviews candidates and puts approved modules into the bucket"
  assume_role_policy = data.aws_iam_policy_document.approver_assume[0].json
}

# Two documents serve reviewers and approvers alike, people and workflows: what may be read, and what may be put beside it.
data "aws_iam_policy_document" "review" {
  statement {
    sid       = "ListModules"
    actions   = ["s3:ListBucket"]
    resources = [local.bucket_arns.modules]
  }

  statement {
    sid     = "Read"
    actions = ["s3:GetObject"]
    resources = [
      "${local.bucket_arns.modules}/approved/*",
      "${local.bucket_arns.modules}/candidates/*",
      "${local.bucket_arns.policy}/trust.toml",
    ]
  }

  statement {
    sid       = "Key"
    actions   = ["kms:Decrypt"]
    resources = [aws_kms_key.main.arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${var.region}.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "approve" {
  source_policy_documents = [data.aws_iam_policy_document.review.json]

  statement {
    sid       = "Approve"
    actions   = ["s3:PutObject"]
    resources = ["${local.bucket_arns.modules}/approved/*", "${local.bucket_arns.modules}/candidates/*.rejected.json"]
  }

  statement {
    sid       = "KeyToWrite"
    actions   = ["kms:GenerateDataKey"]
    resources = [aws_kms_key.main.arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${var.region}.amazonaws.com"]
    }
  }
}

resource "aws_iam_role_policy" "approver" {
  count  = length(var.approver_principals) > 0 ? 1 : 0
  name   = "approve"
  role   = aws_iam_role.approver[0].id
  policy = data.aws_iam_policy_document.approve.json
}

locals {
  orders_url = "https://${var.domain_name}:${local.ways.orders.listen}"

  job_mounts = {
    work    = { sourceVolume = "work", containerPath = "/var/lib/countersign", readOnly = false }
    modules = { sourceVolume = "modules", containerPath = "/modules", readOnly = false }
    keys    = { sourceVolume = "keys", containerPath = "/run/keys", readOnly = false }
    tmp     = { sourceVolume = "tmp", containerPath = "/tmp", readOnly = false }
  }
  job_buckets = [
    for name, value in {
      MODULES    = local.modules
      POLICY     = local.policy
      LOANS      = local.loans
      FEATURES   = local.features
      AWS_REGION = var.region
      HOME       = "/tmp"
    } : { name = name, value = value }
  ]
}

# A round, one container after the other. What a round made is taken to the buckets before it is published, and also where training failed.
resource "aws_ecs_task_definition" "job" {
  family                   = "${var.name}-job"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = tostring(var.job_size.cpu)
  memory                   = tostring(var.job_size.memory)
  execution_role_arn       = aws_iam_role.execution["job"].arn
  task_role_arn            = aws_iam_role.task["job"].arn
  skip_destroy             = true

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = "X86_64"
  }

  ephemeral_storage {
    size_in_gib = var.job_size.storage
  }

  dynamic "volume" {
    for_each = local.job_mounts

    content {
      name = volume.key
    }
  }

  container_definitions = jsonencode([
    merge(local.preparing, {
      name             = "prepare"
      image            = local.images.aws_cli
      essential        = false
      user             = "0:0"
      entryPoint       = ["sh", "-c"]
      command          = [file("${path.module}/containers/prepare-job.sh")]
      logConfiguration = local.logs.job.prepare
      mountPoints      = values(local.job_mounts)
    }),
    merge(local.confined, {
      name             = "fetch"
      image            = local.images.aws_cli
      essential        = false
      user             = "10001:10001"
      entryPoint       = ["sh", "-c"]
      command          = [file("${path.module}/containers/fetch.sh")]
      dependsOn        = [{ containerName = "prepare", condition = "SUCCESS" }]
      logConfiguration = local.logs.job.fetch
      environment      = local.job_buckets
      mountPoints      = [local.job_mounts.work, local.job_mounts.modules, local.job_mounts.tmp]
    }),
    merge(local.confined, {
      name             = "round"
      image            = local.images.job
      essential        = false
      user             = "10001:10001"
      entryPoint       = ["sh", "-c"]
      command          = [file("${path.module}/containers/round.sh")]
      dependsOn        = [{ containerName = "fetch", condition = "SUCCESS" }]
      logConfiguration = local.logs.job.round
      environment      = [for name, value in { RECIPE = var.recipe, MODEL = var.model } : { name = name, value = value }]
      secrets          = [{ name = "JOB_KEY", valueFrom = local.secret_arns["job-key"] }]
      mountPoints      = [local.job_mounts.work, local.job_mounts.modules, local.job_mounts.keys, local.job_mounts.tmp]
    }),
    merge(local.confined, {
      name             = "upload"
      image            = local.images.aws_cli
      essential        = false
      user             = "10001:10001"
      entryPoint       = ["sh", "-c"]
      command          = [file("${path.module}/containers/upload.sh")]
      dependsOn        = [{ containerName = "round", condition = "COMPLETE" }]
      logConfiguration = local.logs.job.upload
      environment      = local.job_buckets
      mountPoints      = [local.job_mounts.work, local.job_mounts.modules, local.job_mounts.tmp]
    }),
    merge(local.confined, {
      name             = "publish"
      image            = local.images.job
      essential        = true
      user             = "10001:10001"
      entryPoint       = ["sh", "-c"]
      command          = [file("${path.module}/containers/publish.sh")]
      dependsOn        = [{ containerName = "upload", condition = "SUCCESS" }]
      logConfiguration = local.logs.job.publish
      environment      = [for name, value in { HOST = local.orders_url, PUBLISH = "yes" } : { name = name, value = value }]
      secrets          = [{ name = "COUNTERSIGN_TOKEN", valueFrom = local.secret_arns["ingest-token"] }]
      mountPoints      = [local.job_mounts.work]
    }),
  ])
}

# An order to the host, given from inside: no way in is opened for it, and CloudTrail has who gave it.
resource "aws_ecs_task_definition" "order" {
  family                   = "${var.name}-order"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = "256"
  memory                   = "512"
  execution_role_arn       = aws_iam_role.execution["order"].arn
  skip_destroy             = true

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = "X86_64"
  }

  container_definitions = jsonencode([
    merge(local.confined, {
      name             = "order"
      image            = local.images.aws_cli
      essential        = true
      user             = "10001:10001"
      entryPoint       = ["sh", "-c"]
      command          = [file("${path.module}/containers/order.sh")]
      logConfiguration = local.logs.order.order
      environment = [
        for name, value in { HOST = local.orders_url, REQUEST = "GET /v1/models/${var.model}/traffic", BODY = "" } : { name = name, value = value }
      ]
      secrets = [{ name = "COUNTERSIGN_TOKEN", valueFrom = local.secret_arns["admin-token"] }]
    }),
  ])
}

resource "aws_scheduler_schedule" "job" {
  name                         = "${var.name}-job"
  description                  = "Features of all loans, a candidate if one is due, publication"
  schedule_expression          = var.schedule
  schedule_expression_timezone = "Etc/UTC"
  state                        = var.schedule_enabled ? "ENABLED" : "DISABLED"
  kms_key_arn                  = aws_kms_key.main.arn

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_ecs_cluster.main.arn
    role_arn = aws_iam_role.scheduler.arn

    ecs_parameters {
      # The newest revision, which may be rollout.sh's.
      task_definition_arn = aws_ecs_task_definition.job.arn_without_revision
      launch_type         = "FARGATE"

      network_configuration {
        subnets          = [for subnet in aws_subnet.private : subnet.id]
        security_groups  = [aws_security_group.main["job"].id]
        assign_public_ip = false
      }
    }

    # Only the start is tried again, for an hour. A round that failed would fail again, and what trained once would train twice.
    retry_policy {
      maximum_event_age_in_seconds = 3600
      maximum_retry_attempts       = 5
    }
  }
}

data "aws_iam_policy_document" "scheduler_assume" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["scheduler.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.account_id]
    }
  }
}

resource "aws_iam_role" "scheduler" {
  name               = "${var.name}-scheduler"
  description        = "Starts rounds of the job"
  assume_role_policy = data.aws_iam_policy_document.scheduler_assume.json
}

data "aws_iam_policy_document" "scheduler" {
  statement {
    sid       = "Start"
    actions   = ["ecs:RunTask"]
    resources = [aws_ecs_task_definition.job.arn_without_revision, "${aws_ecs_task_definition.job.arn_without_revision}:*"]

    condition {
      test     = "ArnEquals"
      variable = "ecs:cluster"
      values   = [aws_ecs_cluster.main.arn]
    }
  }

  statement {
    sid       = "Roles"
    actions   = ["iam:PassRole"]
    resources = [aws_iam_role.execution["job"].arn, aws_iam_role.task["job"].arn]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ecs-tasks.amazonaws.com"]
    }
  }

  # The schedule itself is encrypted.
  statement {
    sid       = "Key"
    actions   = ["kms:Decrypt"]
    resources = [aws_kms_key.main.arn]
  }
}

resource "aws_iam_role_policy" "scheduler" {
  name   = "start"
  role   = aws_iam_role.scheduler.id
  policy = data.aws_iam_policy_document.scheduler.json
}

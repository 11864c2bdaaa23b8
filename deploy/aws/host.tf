resource "aws_ecs_cluster" "main" {
  name = var.name

  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

locals {
  # What holds for every container: nothing to write to but its volumes, and nothing that the kernel lets only some do.
  confined = {
    readonlyRootFilesystem = true
    linuxParameters        = { capabilities = { drop = ["ALL"] } }
  }
  # For the two that give volumes to their users, the one capability that this takes. Fargate adds none, and so the others are dropped.
  preparing = {
    readonlyRootFilesystem = true
    linuxParameters = {
      capabilities = {
        drop = [
          "AUDIT_WRITE", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "NET_RAW", "SETFCAP", "SETGID",
          "SETPCAP", "SETUID", "SYS_CHROOT",
        ]
      }
    }
  }
  # A log that cannot be delivered must not hold up who writes it: past 4 MiB lines are lost.
  logs = {
    for task in keys(local.handed_secrets) : task => {
      for container in ["prepare", "features", "seed", "files", "host", "fetch", "round", "upload", "publish", "order"] : container => {
        logDriver = "awslogs"
        options = {
          "awslogs-group"         = aws_cloudwatch_log_group.main[task].name
          "awslogs-region"        = var.region
          "awslogs-stream-prefix" = container
          "mode"                  = "non-blocking"
          "max-buffer-size"       = "4m"
        }
      }
    }
  }

  loans    = "s3://${aws_s3_bucket.main["data"].id}/loans"
  features = "s3://${aws_s3_bucket.main["data"].id}/features"
  modules  = "s3://${aws_s3_bucket.main["modules"].id}"
  policy   = "s3://${aws_s3_bucket.main["policy"].id}/trust.toml"

  # The bounds of `countersign config` that differ here. Small files, since a logged prediction reaches its bucket again and again until
  # its file is full; as many bytes as by default, since the bucket may be out of reach for hours.
  limits = <<-TOML
    drain_ms = 20000
    prediction_log_file_bytes = 8388608
    prediction_log_files = 512
  TOML

  host_environment = merge({
    COUNTERSIGN_LISTEN                  = "0.0.0.0:8080"
    COUNTERSIGN_ADMIN_LISTEN            = "0.0.0.0:8081"
    COUNTERSIGN_MODULES                 = local.modules
    COUNTERSIGN_TRUST                   = "/config/trust.toml"
    COUNTERSIGN_TOKENS                  = "/config/tokens.toml"
    COUNTERSIGN_TLS_CERT                = "/config/tls.crt"
    COUNTERSIGN_TLS_KEY                 = "/config/tls.key"
    COUNTERSIGN_CONFIG                  = "/config/limits.toml"
    COUNTERSIGN_DATA                    = "/ledger"
    COUNTERSIGN_PREDICTION_LOG          = "/var/lib/countersign/predictions"
    COUNTERSIGN_PREDICTION_LOG_REQUIRED = "true"
    COUNTERSIGN_LOG_FORMAT              = "json"
    AWS_REGION                          = var.region
    }, var.features_age_max_days == null ? {} : {
    COUNTERSIGN_FEATURES_AGE_MAX_DAYS = tostring(var.features_age_max_days)
  })
}

# One after the other: folders are made, features brought and put into the store, then the files that the host follows, and then it starts.
resource "aws_ecs_task_definition" "host" {
  family                   = "${var.name}-host"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = tostring(var.host_size.cpu)
  memory                   = tostring(var.host_size.memory)
  execution_role_arn       = aws_iam_role.execution["host"].arn
  task_role_arn            = aws_iam_role.task["host"].arn
  # Whoever goes back to an earlier revision finds it.
  skip_destroy = true

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = "X86_64"
  }

  ephemeral_storage {
    size_in_gib = var.host_size.storage
  }

  volume {
    name = "local"
  }

  volume {
    name = "config"
  }

  volume {
    name = "tmp"
  }

  volume {
    name = "ledger"

    efs_volume_configuration {
      file_system_id     = aws_efs_file_system.ledger.id
      transit_encryption = "ENABLED"

      authorization_config {
        access_point_id = aws_efs_access_point.ledger.id
        iam             = "ENABLED"
      }
    }
  }

  container_definitions = jsonencode([
    merge(local.preparing, {
      name             = "prepare"
      image            = local.images.aws_cli
      essential        = false
      user             = "0:0"
      entryPoint       = ["sh", "-c"]
      command          = [file("${path.module}/containers/prepare-host.sh")]
      logConfiguration = local.logs.host.prepare
      mountPoints = [
        { sourceVolume = "local", containerPath = "/var/lib/countersign", readOnly = false },
        { sourceVolume = "ledger", containerPath = "/ledger", readOnly = false },
        { sourceVolume = "config", containerPath = "/config", readOnly = false },
        { sourceVolume = "tmp", containerPath = "/tmp", readOnly = false },
      ]
    }),
    merge(local.confined, {
      name             = "features"
      image            = local.images.aws_cli
      essential        = false
      user             = "10001:10001"
      entryPoint       = ["sh", "-c"]
      command          = [file("${path.module}/containers/features.sh")]
      dependsOn        = [{ containerName = "prepare", condition = "SUCCESS" }]
      logConfiguration = local.logs.host.features
      environment = [
        for name, value in { FEATURES = local.features, AWS_REGION = var.region, HOME = "/tmp" } : { name = name, value = value }
      ]
      mountPoints = [
        { sourceVolume = "local", containerPath = "/var/lib/countersign", readOnly = false },
        { sourceVolume = "tmp", containerPath = "/tmp", readOnly = false },
      ]
    }),
    merge(local.confined, {
      name             = "seed"
      image            = local.images.job
      essential        = false
      user             = "10001:10001"
      entryPoint       = ["sh", "-c"]
      command          = [file("${path.module}/containers/seed.sh")]
      dependsOn        = [{ containerName = "features", condition = "SUCCESS" }]
      logConfiguration = local.logs.host.seed
      mountPoints      = [{ sourceVolume = "local", containerPath = "/var/lib/countersign", readOnly = false }]
    }),
    merge(local.confined, {
      name      = "files"
      image     = local.images.aws_cli
      essential = false
      # Another user than the host's, which therefore cannot change whose signatures count; its group, which may read.
      user             = "10002:10001"
      cpu              = 128
      memory           = 512
      entryPoint       = ["sh", "-c"]
      command          = [file("${path.module}/containers/files.sh")]
      dependsOn        = [{ containerName = "seed", condition = "SUCCESS" }]
      logConfiguration = local.logs.host.files
      # Where a secret is empty or out of reach, the host does not start, and the task ends. ECS counts this time even when the condition
      # is met long since, so that nothing that takes its time may stand between this one and the host.
      startTimeout  = 120
      stopTimeout   = 120
      restartPolicy = { enabled = true }
      healthCheck   = { command = ["CMD-SHELL", "test -e /config/complete"], interval = 5, timeout = 2, retries = 10, startPeriod = 110 }
      environment = [
        for name, value in {
          POLICY        = local.policy
          TOKENS_SECRET = local.secret_arns["tokens"]
          TLS_SECRET    = local.secret_arns["host-tls"]
          PREDICTIONS   = "s3://${aws_s3_bucket.main["predictions"].id}"
          LIMITS        = local.limits
          AWS_REGION    = var.region
          HOME          = "/tmp"
        } : { name = name, value = value }
      ]
      mountPoints = [
        { sourceVolume = "local", containerPath = "/var/lib/countersign", readOnly = false },
        { sourceVolume = "config", containerPath = "/config", readOnly = false },
        { sourceVolume = "tmp", containerPath = "/tmp", readOnly = false },
      ]
    }),
    merge(local.confined, {
      name      = "host"
      image     = local.images.host
      essential = true
      user      = "10001:10001"
      command   = ["serve"]
      # In the end it is the other way round: the host ends first, and what it logged last is taken to the bucket after.
      dependsOn        = [{ containerName = "files", condition = "HEALTHY" }]
      logConfiguration = local.logs.host.host
      # Requests under way get 20 seconds (`drain_ms`); the last flush of the store comes after them.
      stopTimeout  = 60
      portMappings = [for port in [8080, 8081] : { containerPort = port, hostPort = port, protocol = "tcp" }]
      ulimits      = [{ name = "nofile", softLimit = 65535, hardLimit = 65535 }]
      # Whether it lives, asked at the port of orders, which clients cannot fill. Whether it is ready is the load balancer's to ask.
      healthCheck = {
        command     = ["CMD", "/usr/local/bin/countersign", "health", "--listen", "127.0.0.1:8081"]
        interval    = 10
        timeout     = 5
        retries     = 6
        startPeriod = 60
      }
      environment = [for name, value in local.host_environment : { name = name, value = value }]
      mountPoints = [
        { sourceVolume = "local", containerPath = "/var/lib/countersign", readOnly = false },
        { sourceVolume = "ledger", containerPath = "/ledger", readOnly = false },
        { sourceVolume = "config", containerPath = "/config", readOnly = true },
      ]
    }),
  ])
}

# One task, and no more: each would have a feature store of its own, and only the records that happened to reach it; and two would write
# one ledger.
resource "aws_ecs_service" "host" {
  name            = "host"
  cluster         = aws_ecs_cluster.main.id
  launch_type     = "FARGATE"
  task_definition = aws_ecs_task_definition.host.arn
  # rollout.sh starts the first one, when there is something to start.
  desired_count = 0

  # The old one stops before the new one starts. Nobody answers in between; README.md says for how long.
  deployment_minimum_healthy_percent = 0
  deployment_maximum_percent         = 100
  # Moving tasks between zones would take a second one for a while, and is refused together with the bound above.
  availability_zone_rebalancing     = "DISABLED"
  health_check_grace_period_seconds = var.ready_within_seconds
  enable_ecs_managed_tags           = true
  propagate_tags                    = "SERVICE"

  # An image that never becomes ready is replaced by the one before.
  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets          = [for subnet in aws_subnet.private : subnet.id]
    security_groups  = [aws_security_group.main["host"].id]
    assign_public_ip = false
  }

  dynamic "load_balancer" {
    for_each = aws_lb_target_group.main

    content {
      target_group_arn = load_balancer.value.arn
      container_name   = "host"
      container_port   = load_balancer.value.port
    }
  }

  lifecycle {
    # Both are rollout.sh's: an apply never restarts a host by itself.
    ignore_changes = [task_definition, desired_count]
  }

  depends_on = [aws_lb_listener.main, aws_efs_mount_target.ledger, aws_iam_role_policy.task, aws_iam_role_policy.execution]
}

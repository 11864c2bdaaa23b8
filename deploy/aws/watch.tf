resource "aws_cloudwatch_log_group" "main" {
  for_each          = local.handed_secrets
  name              = "/${var.name}/${each.key}"
  retention_in_days = var.log_retention_days
  kms_key_id        = aws_kms_key.main.arn
}

locals {
  # What the host's log is counted for. The texts are those that it writes with --log-format json.
  counted = {
    Faults       = { pattern = "{ $.level = \"ERROR\" }", says = "faults" }
    Refused      = { pattern = "{ $.message = \"module refused*\" }", says = "refused modules" }
    Warnings     = { pattern = "{ $.level = \"WARN\" }", says = "warnings" }
    FilesCurrent = { pattern = "{ $.message = \"files are current\" }", says = "looks after the trust policy, the tokens and the certificate" }
  }
}

resource "aws_cloudwatch_log_metric_filter" "host" {
  for_each       = local.counted
  name           = each.key
  log_group_name = aws_cloudwatch_log_group.main["host"].name
  pattern        = each.value.pattern

  metric_transformation {
    namespace     = var.name
    name          = each.key
    value         = "1"
    default_value = "0"
  }
}

# Whom it is told ------------------------------------------------------------------------------------------------------------------

resource "aws_sns_topic" "alarms" {
  name              = "${var.name}-alarms"
  kms_master_key_id = aws_kms_key.main.id
}

resource "aws_sns_topic_subscription" "mail" {
  for_each  = var.alarm_emails
  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = each.key
}

resource "aws_sns_topic_policy" "alarms" {
  arn    = aws_sns_topic.alarms.arn
  policy = data.aws_iam_policy_document.alarms.json
}

data "aws_iam_policy_document" "alarms" {
  statement {
    sid       = "Alarms"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms.arn]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.account_id]
    }
  }

  # Without a condition, for the reason that encryption.tf gives: better a message too many than none.
  statement {
    sid       = "Rounds"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms.arn]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }
  }
}

# What is told ---------------------------------------------------------------------------------------------------------------------

locals {
  at_balancer = { LoadBalancer = aws_lb.main.arn_suffix }
  at_clients  = { LoadBalancer = aws_lb.main.arn_suffix, TargetGroup = aws_lb_target_group.main["clients"].arn_suffix }
  at_service  = { ClusterName = aws_ecs_cluster.main.name, ServiceName = aws_ecs_service.host.name }

  # `missing` is what silence means: where no figure comes at all, a host that should be counted is not there.
  alarms = {
    not-ready = {
      says      = "No host is ready: predictions are refused. Its log and /health/ready say why."
      namespace = "AWS/ApplicationELB", metric = "HealthyHostCount", dimensions = local.at_clients
      statistic = "Minimum", below = true, threshold = 1, period = 60, periods = 3, missing = "breaching"
    }
    faults-answered = {
      says      = "The host answered requests with 5xx. Its log has each fault with its cause; 503 says that it is busy or without a model."
      namespace = "AWS/ApplicationELB", metric = "HTTPCode_Target_5XX_Count", dimensions = local.at_clients
      statistic = "Sum", below = false, threshold = 5, period = 300, periods = 1, missing = "notBreaching"
    }
    not-reached = {
      says      = "The load balancer answered in the host's place: it is gone, restarts, or does not answer in time."
      namespace = "AWS/ApplicationELB", metric = "HTTPCode_ELB_5XX_Count", dimensions = local.at_balancer
      statistic = "Sum", below = false, threshold = 5, period = 300, periods = 1, missing = "notBreaching"
    }
    slow = {
      says      = "The slowest hundredth of requests takes longer than it should."
      namespace = "AWS/ApplicationELB", metric = "TargetResponseTime", dimensions = local.at_clients
      statistic = "p99", below = false, threshold = var.slow_seconds, period = 300, periods = 2, missing = "notBreaching"
    }
    memory = {
      says      = "The host's task uses most of its memory; past all of it the task is ended."
      namespace = "AWS/ECS", metric = "MemoryUtilization", dimensions = local.at_service
      statistic = "Maximum", below = false, threshold = 85, period = 300, periods = 2, missing = "notBreaching"
    }
    faults = {
      says      = "The host, or what looks after its files, wrote an error to its log."
      namespace = var.name, metric = "Faults", dimensions = {}
      statistic = "Sum", below = false, threshold = 1, period = 300, periods = 1, missing = "notBreaching"
    }
    refused = {
      says      = "The host refused a module: not approved, not signed by a key that counts, or broken. What was live stays live."
      namespace = var.name, metric = "Refused", dimensions = {}
      statistic = "Sum", below = false, threshold = 1, period = 300, periods = 1, missing = "notBreaching"
    }
    files-stale = {
      says      = "Trust policy, tokens and certificate were not looked after for a quarter of an hour: what is revoked may still count."
      namespace = var.name, metric = "FilesCurrent", dimensions = {}
      statistic = "Sum", below = true, threshold = 1, period = 300, periods = 3, missing = "breaching"
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "main" {
  for_each            = local.alarms
  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.says
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = startswith(each.value.statistic, "p") ? null : each.value.statistic
  extended_statistic  = startswith(each.value.statistic, "p") ? each.value.statistic : null
  comparison_operator = each.value.below ? "LessThanThreshold" : "GreaterThanOrEqualToThreshold"
  threshold           = each.value.threshold
  period              = each.value.period
  evaluation_periods  = each.value.periods
  treat_missing_data  = each.value.missing
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

# A round that ended badly in any of its containers: refused loans (3), a training or a publication that failed, a start that failed.
resource "aws_cloudwatch_event_rule" "round_failed" {
  name        = "${var.name}-round-failed"
  description = "A round of the job ended with another exit code than 0"
  event_pattern = jsonencode({
    source      = ["aws.ecs"]
    detail-type = ["ECS Task State Change"]
    detail = {
      clusterArn = [aws_ecs_cluster.main.arn]
      group      = ["family:${aws_ecs_task_definition.job.family}"]
      lastStatus = ["STOPPED"]
      "$or"      = [{ containers = { exitCode = [{ anything-but = 0 }] } }, { stopCode = ["TaskFailedToStart"] }]
    }
  })
}

resource "aws_cloudwatch_event_target" "round_failed" {
  rule = aws_cloudwatch_event_rule.round_failed.name
  arn  = aws_sns_topic.alarms.arn

  input_transformer {
    input_paths    = { task = "$.detail.taskArn", why = "$.detail.stoppedReason" }
    input_template = "\"A round of the job failed: <task>: <why>. Its log is /${var.name}/job, and the report on the loans lies in features/quality/ of the bucket.\""
  }
}

# What is looked at ----------------------------------------------------------------------------------------------------------------

locals {
  # Each is a title, its statistic, and its metrics.
  graphs = [
    { title = "Requests", stat = "Sum", metrics = [["AWS/ApplicationELB", "RequestCount", local.at_clients]] },
    {
      title   = "Seconds until the answer", stat = "p99",
      metrics = [["AWS/ApplicationELB", "TargetResponseTime", local.at_clients]]
    },
    {
      title = "Answers that are no answers", stat = "Sum"
      metrics = [
        ["AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", local.at_clients],
        ["AWS/ApplicationELB", "HTTPCode_Target_4XX_Count", local.at_clients],
        ["AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count", local.at_balancer],
      ]
    },
    {
      title = "Hosts that are ready, and not", stat = "Maximum"
      metrics = [
        ["AWS/ApplicationELB", "HealthyHostCount", local.at_clients],
        ["AWS/ApplicationELB", "UnHealthyHostCount", local.at_clients],
      ]
    },
    {
      title   = "Faults, refused modules, warnings", stat = "Sum"
      metrics = [for name in ["Faults", "Refused", "Warnings"] : [var.name, name, {}]]
    },
    {
      title   = "CPU and memory of the host's task, percent", stat = "Maximum"
      metrics = [for name in ["CPUUtilization", "MemoryUtilization"] : ["AWS/ECS", name, local.at_service]]
    },
  ]
}

resource "aws_cloudwatch_dashboard" "main" {
  dashboard_name = var.name
  dashboard_body = jsonencode({
    widgets = concat(
      [{
        type       = "alarm", x = 0, y = 0, width = 24, height = 3
        properties = { title = "Alarms", alarms = [for alarm in aws_cloudwatch_metric_alarm.main : alarm.arn] }
      }],
      [for index, graph in local.graphs : {
        type = "metric", x = index % 2 * 12, y = 3 + floor(index / 2) * 6, width = 12, height = 6
        properties = {
          title = graph.title, region = var.region, stat = graph.stat, period = 60, view = "timeSeries"
          yAxis = { left = { min = 0 } }
          metrics = [
            for metric in graph.metrics :
            concat([metric[0], metric[1]], flatten([for name, value in metric[2] : [name, value]]))
          ]
        }
      }],
      [{
        type = "log", x = 0, y = 21, width = 24, height = 8
        properties = {
          title = "What the host warned of", region = var.region, view = "table"
          query = "SOURCE '${aws_cloudwatch_log_group.main["host"].name}' | fields @timestamp, level, message, code, error | filter level in [\"WARN\", \"ERROR\"] | sort @timestamp desc | limit 50"
        }
      }],
    )
  })
}

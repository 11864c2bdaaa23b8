resource "aws_lb" "main" {
  name                       = var.name
  internal                   = true
  load_balancer_type         = "application"
  subnets                    = [for subnet in aws_subnet.private : subnet.id]
  security_groups            = [aws_security_group.main["balancer"].id]
  drop_invalid_header_fields = true
  enable_deletion_protection = true
  # Shorter than the host keeps an idle connection (75 s): else a request could meet one that the host is just closing.
  idle_timeout = 60

  access_logs {
    bucket  = aws_s3_bucket.main["logs"].id
    prefix  = "balancer"
    enabled = true
  }

  depends_on = [aws_s3_bucket_policy.logs]
}

locals {
  # Two ways to one host. Clients are sent nobody who cannot predict; the job and orders reach a host that only lives, since features
  # are published, and a version chosen, before there is a model that is live.
  ways = {
    clients = { listen = 443, port = 8080, health = "/health/ready" }
    orders  = { listen = 8443, port = 8081, health = "/health/live" }
  }
}

resource "aws_lb_target_group" "main" {
  for_each    = local.ways
  name        = "${var.name}-${each.key}"
  vpc_id      = aws_vpc.main.id
  target_type = "ip"
  port        = each.value.port
  # To the host as well, since tokens and answers about people go there. Load balancers do not look at who signed its certificate.
  protocol = "HTTPS"
  # The host itself lets requests finish; this is for the balancer to learn that it is going.
  deregistration_delay = "10"

  health_check {
    path                = each.value.health
    protocol            = "HTTPS"
    matcher             = "200"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }
}

resource "aws_lb_listener" "main" {
  for_each          = local.ways
  load_balancer_arn = aws_lb.main.arn
  port              = each.value.listen
  protocol          = "HTTPS"
  certificate_arn   = var.certificate_arn
  # TLS 1.3 and 1.2, as the host itself speaks.
  ssl_policy = "ELBSecurityPolicy-TLS13-1-2-2021-06"

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.main[each.key].arn
  }
}

# Tokens say who may write features; these say from where. Orders are not taken at this port by the host itself.
resource "aws_lb_listener_rule" "no_writing" {
  for_each = {
    publish = { priority = 10, method = "POST", path = "/v1/features" }
    forget  = { priority = 20, method = "DELETE", path = "/*" }
  }
  listener_arn = aws_lb_listener.main["clients"].arn
  priority     = each.value.priority

  action {
    type = "fixed-response"

    fixed_response {
      status_code  = "403"
      content_type = "application/problem+json"
      message_body = jsonencode({ status = 403, code = "elsewhere", detail = "features are written at the internal port only" })
    }
  }

  condition {
    http_request_method {
      values = [each.value.method]
    }
  }

  condition {
    path_pattern {
      values = [each.value.path]
    }
  }
}

# The name of the certificate, for the job, which checks whom it speaks to.
resource "aws_route53_zone" "main" {
  name    = var.domain_name
  comment = "${var.name}: leads to its load balancer, within its network"

  vpc {
    vpc_id = aws_vpc.main.id
  }
}

resource "aws_route53_record" "main" {
  zone_id = aws_route53_zone.main.zone_id
  name    = var.domain_name
  type    = "A"

  alias {
    name                   = aws_lb.main.dns_name
    zone_id                = aws_lb.main.zone_id
    evaluate_target_health = false
  }
}

# A network without a way to the internet, in or out: clients come in over what this network is joined to (peering, a transit gateway),
# and tasks reach AWS by endpoints. What a task must not leak has nowhere to go.

resource "aws_vpc" "main" {
  cidr_block           = var.vpc_cidr
  enable_dns_support   = true
  enable_dns_hostnames = true
  tags                 = { Name = var.name }
}

# Nobody uses it, and so it lets nobody through.
resource "aws_default_security_group" "unused" {
  vpc_id = aws_vpc.main.id
}

resource "aws_subnet" "private" {
  for_each          = { for index, zone in var.availability_zones : zone => index }
  vpc_id            = aws_vpc.main.id
  availability_zone = each.key
  cidr_block        = cidrsubnet(var.vpc_cidr, 4, each.value)
  tags              = { Name = "${var.name}-${each.key}" }
}

resource "aws_route_table" "private" {
  vpc_id = aws_vpc.main.id
  tags   = { Name = var.name }
}

resource "aws_route_table_association" "private" {
  for_each       = aws_subnet.private
  subnet_id      = each.value.id
  route_table_id = aws_route_table.private.id
}

resource "aws_flow_log" "main" {
  vpc_id               = aws_vpc.main.id
  traffic_type         = "REJECT"
  log_destination_type = "s3"
  log_destination      = "${aws_s3_bucket.main["logs"].arn}/network/"
  depends_on           = [aws_s3_bucket_policy.logs]
}

# S3 costs nothing by this way, and ECR keeps the layers of images there.
resource "aws_vpc_endpoint" "s3" {
  vpc_id            = aws_vpc.main.id
  service_name      = "com.amazonaws.${var.region}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = [aws_route_table.private.id]
  policy            = data.aws_iam_policy_document.s3_endpoint.json
}

data "aws_iam_policy_document" "s3_endpoint" {
  dynamic "statement" {
    for_each = {
      OurBuckets = { actions = ["s3:ListBucket"], suffix = "" }
      OurObjects = { actions = ["s3:GetObject", "s3:PutObject"], suffix = "/*" }
    }

    content {
      sid       = statement.key
      actions   = statement.value.actions
      resources = [for bucket in aws_s3_bucket.main : "${bucket.arn}${statement.value.suffix}"]

      principals {
        type        = "AWS"
        identifiers = ["*"]
      }

      condition {
        test     = "StringEquals"
        variable = "aws:PrincipalAccount"
        values   = [var.account_id]
      }
    }
  }

  statement {
    sid       = "LayersOfImages"
    actions   = ["s3:GetObject"]
    resources = ["arn:aws:s3:::prod-${var.region}-starport-layer-bucket/*"]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }
  }
}

# Each of these has an hourly price in each zone. Together they cost about what a NAT gateway in each zone does, and open nothing.
resource "aws_vpc_endpoint" "interface" {
  for_each            = toset(["ecr.api", "ecr.dkr", "logs", "secretsmanager"])
  vpc_id              = aws_vpc.main.id
  service_name        = "com.amazonaws.${var.region}.${each.key}"
  vpc_endpoint_type   = "Interface"
  private_dns_enabled = true
  subnet_ids          = [for subnet in aws_subnet.private : subnet.id]
  security_group_ids  = [aws_security_group.main["endpoints"].id]
}

locals {
  security_groups = {
    balancer  = "The load balancer: clients, and the job"
    host      = "The host: the load balancer alone"
    job       = "The job and orders: nobody"
    endpoints = "Endpoints of AWS: the tasks"
    ledger    = "The ledger's file system: the host"
  }

  # Who opens a connection to whom, and at which port; all else is closed. The port of orders (8443 at the load balancer, 8081 at
  # the host) takes features and orders, and the job's group is the only one that reaches it.
  connections = {
    balancer-host   = { from = "balancer", to = "host", port = 8080 }
    balancer-orders = { from = "balancer", to = "host", port = 8081 }
    job-orders      = { from = "job", to = "balancer", port = 8443 }
    host-endpoints  = { from = "host", to = "endpoints", port = 443 }
    job-endpoints   = { from = "job", to = "endpoints", port = 443 }
    host-ledger     = { from = "host", to = "ledger", port = 2049 }
  }
}

resource "aws_security_group" "main" {
  for_each    = local.security_groups
  name        = "${var.name}-${each.key}"
  description = each.value
  vpc_id      = aws_vpc.main.id
  tags        = { Name = "${var.name}-${each.key}" }
}

resource "aws_vpc_security_group_egress_rule" "inner" {
  for_each                     = local.connections
  security_group_id            = aws_security_group.main[each.value.from].id
  referenced_security_group_id = aws_security_group.main[each.value.to].id
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
  description                  = "To ${each.value.to}"
}

resource "aws_vpc_security_group_ingress_rule" "inner" {
  for_each                     = local.connections
  security_group_id            = aws_security_group.main[each.value.to].id
  referenced_security_group_id = aws_security_group.main[each.value.from].id
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
  description                  = "From ${each.value.from}"
}

resource "aws_vpc_security_group_egress_rule" "s3" {
  for_each          = toset(["host", "job"])
  security_group_id = aws_security_group.main[each.key].id
  prefix_list_id    = aws_vpc_endpoint.s3.prefix_list_id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  description       = "To S3"
}

resource "aws_vpc_security_group_ingress_rule" "clients" {
  for_each          = var.client_cidrs
  security_group_id = aws_security_group.main["balancer"].id
  cidr_ipv4         = each.key
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  description       = "From clients"
}

locals {
  installation = {
    region       = var.region
    cluster      = aws_ecs_cluster.main.name
    service      = aws_ecs_service.host.name
    family       = var.name
    repositories = { for name, repository in aws_ecr_repository.main : name => repository.repository_url }
    network = {
      awsvpcConfiguration = {
        subnets        = [for subnet in aws_subnet.private : subnet.id]
        securityGroups = [aws_security_group.main["job"].id]
        assignPublicIp = "DISABLED"
      }
    }
  }
}

output "url" {
  description = "Where clients ask."
  value       = "https://${var.domain_name}"
}

output "balancer_name" {
  description = "What domain_name has to lead to in the DNS of clients outside of this network."
  value       = aws_lb.main.dns_name
}

output "vpc_id" {
  description = "The network, to be joined to that of the clients."
  value       = aws_vpc.main.id
}

output "route_table_id" {
  description = "Where the way back to the clients has to be entered."
  value       = aws_route_table.private.id
}

output "buckets" {
  description = "The buckets by what they are for."
  value       = { for name, bucket in aws_s3_bucket.main : name => bucket.id }
}

output "repositories" {
  description = "Where images are pushed to."
  value       = { for name, repository in aws_ecr_repository.main : name => repository.repository_url }
}

output "secrets" {
  description = "The empty secrets whose values people put."
  value       = { for name, secret in aws_secretsmanager_secret.main : name => secret.name }
}

output "github_variables" {
  description = "What the repository's workflows need to know. None of it is secret; a role is of use in its own environment alone."
  value = merge(
    {
      PLATFORM        = "aws"
      AWS_REGION      = var.region
      REGISTRY        = local.modules
      POLICY          = local.policy
      LOANS           = local.loans
      FEATURES        = local.features
      COUNTERSIGN_AWS = jsonencode(local.installation)
    },
    { for role, one in aws_iam_role.github : "${upper(role)}_ROLE" => one.arn },
  )
}

output "approver_role" {
  description = "The role that approvers take on their own machines; null where nobody is named."
  value       = one(aws_iam_role.approver[*].arn)
}

output "installation" {
  description = "What rollout.sh, run.sh and images.sh need to know: COUNTERSIGN_AWS=\"$(terraform output -json installation)\"."
  value       = local.installation
}

output "dashboard" {
  description = "Where to look."
  value       = "https://${var.region}.console.aws.amazon.com/cloudwatch/home?region=${var.region}#dashboards/dashboard/${var.name}"
}

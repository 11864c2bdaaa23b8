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
  description = "What the repository's workflows need to know; the three roles each in their own environment."
  value = {
    AWS_REGION   = var.region
    REGISTRY     = local.modules
    POLICY       = local.policy
    DEPLOY_ROLE  = aws_iam_role.github["deploy"].arn
    REVIEW_ROLE  = aws_iam_role.github["review"].arn
    APPROVE_ROLE = aws_iam_role.github["approve"].arn
  }
}

output "approver_role" {
  description = "The role that approvers take on their own machines; null where nobody is named."
  value       = one(aws_iam_role.approver[*].arn)
}

output "installation" {
  description = "What rollout.sh and run.sh need to know: COUNTERSIGN_AWS=\"$(terraform output -json installation)\"."
  value = {
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

output "dashboard" {
  description = "Where to look."
  value       = "https://${var.region}.console.aws.amazon.com/cloudwatch/home?region=${var.region}#dashboards/dashboard/${var.name}"
}

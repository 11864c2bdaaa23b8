# The network has no way out, so that every image comes from here, the AWS CLI's too. README.md says how they come in.
resource "aws_ecr_repository" "main" {
  for_each             = toset(["host", "job", "aws-cli"])
  name                 = "${var.name}/${each.key}"
  image_tag_mutability = "IMMUTABLE"

  image_scanning_configuration {
    scan_on_push = true
  }

  encryption_configuration {
    encryption_type = "KMS"
    kms_key         = aws_kms_key.main.arn
  }
}

locals {
  # By digest, so that what runs is what was looked at.
  images = {
    host    = "${aws_ecr_repository.main["host"].repository_url}@${var.images.host}"
    job     = "${aws_ecr_repository.main["job"].repository_url}@${var.images.job}"
    aws_cli = "${aws_ecr_repository.main["aws-cli"].repository_url}@${var.images.aws_cli}"
  }
}

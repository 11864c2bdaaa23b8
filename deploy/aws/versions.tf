terraform {
  # 1.10 is the first that locks its state in the bucket itself, without a table beside it.
  required_version = ">= 1.10"

  required_providers {
    aws = {
      source = "hashicorp/aws"
      # check.py holds every argument against the schema of 6.25.0, and no minor version of a major one takes an argument away.
      version = "~> 6.25"
    }
  }

  # Where the state lies is said at `terraform init -backend-config=..`; README.md shows it.
  backend "s3" {}
}

provider "aws" {
  region = var.region
  # A plan against the wrong account ends before it begins.
  allowed_account_ids = [var.account_id]

  default_tags {
    tags = { service = var.name, source = "deploy/aws" }
  }
}

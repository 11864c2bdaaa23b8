# The ledger of versions: what is live, pinned, withdrawn, and the highest ever live. It is a few kilobytes that nobody can make again, and
# a task's own disk goes with the task; so would do an EBS volume, which ECS deletes with the task of a service that it was made for.
# A network file system keeps it. Features do not lie here: their store must not be on NFS, and they come back from the bucket.
resource "aws_efs_file_system" "ledger" {
  encrypted  = true
  kms_key_id = aws_kms_key.main.arn
  tags       = { Name = "${var.name}-ledger" }

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_efs_backup_policy" "ledger" {
  file_system_id = aws_efs_file_system.ledger.id

  backup_policy {
    status = "ENABLED"
  }
}

resource "aws_efs_mount_target" "ledger" {
  for_each        = aws_subnet.private
  file_system_id  = aws_efs_file_system.ledger.id
  subnet_id       = each.value.id
  security_groups = [aws_security_group.main["ledger"].id]
}

# Whoever mounts it is user 10001, the host's, whatever he says of himself.
resource "aws_efs_access_point" "ledger" {
  file_system_id = aws_efs_file_system.ledger.id

  posix_user {
    uid = 10001
    gid = 10001
  }

  root_directory {
    path = "/ledger"

    creation_info {
      owner_uid   = 10001
      owner_gid   = 10001
      permissions = "750"
    }
  }
}

# Without a policy a file system lets in whoever reaches it.
resource "aws_efs_file_system_policy" "ledger" {
  file_system_id = aws_efs_file_system.ledger.id
  policy         = data.aws_iam_policy_document.ledger.json
}

data "aws_iam_policy_document" "ledger" {
  statement {
    sid       = "TheHost"
    actions   = ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"]
    resources = [aws_efs_file_system.ledger.arn]

    principals {
      type        = "AWS"
      identifiers = [aws_iam_role.task["host"].arn]
    }

    condition {
      test     = "StringEquals"
      variable = "elasticfilesystem:AccessPointArn"
      values   = [aws_efs_access_point.ledger.arn]
    }
  }

  statement {
    sid       = "EncryptedOnly"
    effect    = "Deny"
    actions   = ["*"]
    resources = [aws_efs_file_system.ledger.arn]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

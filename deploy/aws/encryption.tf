# One key for all that is at rest here, so that whoever is to be kept out of everything is kept out at one place. Who may use it beyond
# the services below is said in roles.tf, role by role.
resource "aws_kms_key" "main" {
  description             = "${var.name}: buckets, images, secrets, logs, the ledger"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = data.aws_iam_policy_document.key.json

  # Without it nothing of the data can be read again.
  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_kms_alias" "main" {
  name          = "alias/${var.name}"
  target_key_id = aws_kms_key.main.key_id
}

data "aws_iam_policy_document" "key" {
  statement {
    sid       = "AccountDecidesByIam"
    actions   = ["kms:*"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::${var.account_id}:root"]
    }
  }

  statement {
    sid       = "Logs"
    actions   = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:DescribeKey"]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = ["logs.${var.region}.amazonaws.com"]
    }

    condition {
      test     = "ArnLike"
      variable = "kms:EncryptionContext:aws:logs:arn"
      values   = ["arn:aws:logs:${var.region}:${var.account_id}:log-group:/${var.name}/*"]
    }
  }

  # Alarms and the failures of the job go to a topic that is encrypted as well. EventBridge says no account to KMS, so that a condition on
  # it would lose its messages without a word.
  dynamic "statement" {
    for_each = { Alarms = "cloudwatch.amazonaws.com", Rounds = "events.amazonaws.com" }

    content {
      sid       = statement.key
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = ["*"]

      principals {
        type        = "Service"
        identifiers = [statement.value]
      }

      dynamic "condition" {
        for_each = statement.key == "Alarms" ? [true] : []

        content {
          test     = "StringEquals"
          variable = "aws:SourceAccount"
          values   = [var.account_id]
        }
      }
    }
  }
}

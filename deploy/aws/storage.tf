locals {
  # Names of buckets are the whole world's: the account and the region make them ours.
  buckets = {
    # candidates/ is written by the job alone, approved/ by approvers alone; the host reads approved/.
    modules = "Modules"
    # trust.toml: whose signatures count. Operators alone write it.
    policy = "The trust policy"
    # loans/ is written by whoever owns the loans; features/ by the job.
    data = "Loans and features"
    # What the host answered, and from what.
    predictions = "Logged predictions"
    # Who reached the buckets, the load balancer, and what the network turned away.
    logs = "Logs of access"
  }
  bucket_prefix = "${var.name}-${var.account_id}-${var.region}"
}

resource "aws_s3_bucket" "main" {
  for_each = local.buckets
  bucket   = "${local.bucket_prefix}-${each.key}"
  tags     = { Name = each.value }

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_public_access_block" "main" {
  for_each                = aws_s3_bucket.main
  bucket                  = each.value.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

# Nothing that was overwritten or deleted is gone at once.
resource "aws_s3_bucket_versioning" "main" {
  for_each = aws_s3_bucket.main
  bucket   = each.value.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "main" {
  for_each = aws_s3_bucket.main
  bucket   = each.value.id

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      # Load balancers deliver their logs to no bucket with a key of its owner's.
      sse_algorithm     = each.key == "logs" ? "AES256" : "aws:kms"
      kms_master_key_id = each.key == "logs" ? null : aws_kms_key.main.arn
    }
  }
}

resource "aws_s3_bucket_logging" "main" {
  for_each      = { for name, bucket in aws_s3_bucket.main : name => bucket if name != "logs" }
  bucket        = each.value.id
  target_bucket = aws_s3_bucket.main["logs"].id
  target_prefix = "buckets/${each.key}/"
}

resource "aws_s3_bucket_lifecycle_configuration" "main" {
  for_each = {
    # Days after which an object goes, and days after which what it was before goes.
    modules     = { days = null, old_days = null }
    policy      = { days = null, old_days = null }
    data        = { days = null, old_days = 30 }
    predictions = { days = var.prediction_retention_days, old_days = 7 }
    logs        = { days = var.log_retention_days, old_days = 7 }
  }
  bucket     = aws_s3_bucket.main[each.key].id
  depends_on = [aws_s3_bucket_versioning.main]

  rule {
    id     = "unfinished"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  dynamic "rule" {
    for_each = each.value.days == null ? [] : [each.value.days]

    content {
      id     = "kept"
      status = "Enabled"

      filter {}

      expiration {
        days = rule.value
      }
    }
  }

  dynamic "rule" {
    for_each = each.value.old_days == null ? [] : [each.value.old_days]

    content {
      id     = "replaced"
      status = "Enabled"

      filter {}

      noncurrent_version_expiration {
        noncurrent_days = rule.value
      }
    }
  }
}

# Who may write -------------------------------------------------------------------------------------------------------------------
#
# Roles are allowed what they need in roles.tf. Here stands who else may not, whatever rights somebody gives himself: a denial at the bucket
# beats them all. Whoever may change these policies can lift it, which CloudTrail shows.

locals {
  writers = {
    modules = [
      { keys = ["candidates/*"], by = concat(local.jobs, local.approvers) },
      { keys = ["candidates/*.wasm", "candidates/*.html"], by = local.jobs },
      { keys = ["candidates/*.rejected.json", "approved/*"], by = local.approvers },
    ]
    policy      = [{ keys = ["*"], by = var.operator_principals }]
    data        = [{ keys = ["features/*"], by = local.jobs }]
    predictions = [{ keys = ["*"], by = [aws_iam_role.task["host"].arn] }]
  }
}

data "aws_iam_policy_document" "encrypted_only" {
  for_each = aws_s3_bucket.main

  statement {
    sid       = "EncryptedOnly"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [each.value.arn, "${each.value.arn}/*"]

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

data "aws_iam_policy_document" "writers" {
  for_each                = local.writers
  source_policy_documents = [data.aws_iam_policy_document.encrypted_only[each.key].json]

  dynamic "statement" {
    for_each = each.value

    content {
      sid       = "Writers${statement.key}"
      effect    = "Deny"
      actions   = ["s3:PutObject"]
      resources = [for key in statement.value.keys : "${aws_s3_bucket.main[each.key].arn}/${key}"]

      principals {
        type        = "AWS"
        identifiers = ["*"]
      }

      condition {
        test     = "ArnNotEquals"
        variable = "aws:PrincipalArn"
        values   = statement.value.by
      }
    }
  }

  # Whoever could delete the newest module from approved/ could bring back an older one at the next start of a host without a ledger.
  statement {
    sid       = "OperatorsDelete"
    effect    = "Deny"
    actions   = ["s3:DeleteObject", "s3:DeleteObjectVersion"]
    resources = ["${aws_s3_bucket.main[each.key].arn}/*"]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }

    condition {
      test     = "ArnNotEquals"
      variable = "aws:PrincipalArn"
      values   = var.operator_principals
    }
  }
}

resource "aws_s3_bucket_policy" "main" {
  for_each   = local.writers
  bucket     = aws_s3_bucket.main[each.key].id
  policy     = data.aws_iam_policy_document.writers[each.key].json
  depends_on = [aws_s3_bucket_public_access_block.main]
}

data "aws_iam_policy_document" "logs" {
  source_policy_documents = [data.aws_iam_policy_document.encrypted_only["logs"].json]

  dynamic "statement" {
    for_each = {
      Buckets = { service = "logging.s3.amazonaws.com", prefix = "buckets" }
      Network = { service = "delivery.logs.amazonaws.com", prefix = "network" }
    }

    content {
      sid       = statement.key
      actions   = ["s3:PutObject"]
      resources = ["${aws_s3_bucket.main["logs"].arn}/${statement.value.prefix}/*"]

      principals {
        type        = "Service"
        identifiers = [statement.value.service]
      }

      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [var.account_id]
      }
    }
  }

  # Load balancers say whose they are in the path that they write to.
  statement {
    sid       = "Balancer"
    actions   = ["s3:PutObject"]
    resources = ["${aws_s3_bucket.main["logs"].arn}/balancer/AWSLogs/${var.account_id}/*"]

    principals {
      type        = "Service"
      identifiers = ["logdelivery.elasticloadbalancing.amazonaws.com"]
    }
  }

  # What delivers flow logs looks first whose bucket it is.
  statement {
    sid       = "NetworkLooks"
    actions   = ["s3:GetBucketAcl", "s3:ListBucket"]
    resources = [aws_s3_bucket.main["logs"].arn]

    principals {
      type        = "Service"
      identifiers = ["delivery.logs.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.account_id]
    }
  }
}

resource "aws_s3_bucket_policy" "logs" {
  bucket     = aws_s3_bucket.main["logs"].id
  policy     = data.aws_iam_policy_document.logs.json
  depends_on = [aws_s3_bucket_public_access_block.main]
}

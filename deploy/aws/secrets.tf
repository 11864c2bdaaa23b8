# Empty places for secrets. Their values are put by people (README.md) and stand in no plan and no state.
resource "aws_secretsmanager_secret" "main" {
  for_each = {
    tokens       = "tokens.toml, from `countersign tokens add`: who may ask the host for what, as digests"
    host-tls     = "The certificate and key that the host shows to the load balancer, as JSON: {\"cert\": PEM, \"key\": PEM}"
    job-key      = "The job's signing key, from `countersign keygen --role job`, in PEM"
    ingest-token = "The job's token, of the role ingest"
    admin-token  = "The token that orders are given with, of the role admin"
  }
  name                    = "${var.name}/${each.key}"
  description             = each.value
  kms_key_id              = aws_kms_key.main.arn
  recovery_window_in_days = 30
}

# Rights within the account are one half; this is the other: whoever administrates IAM here does not read a signing key by that.
resource "aws_secretsmanager_secret_policy" "main" {
  for_each            = aws_secretsmanager_secret.main
  secret_arn          = each.value.arn
  policy              = data.aws_iam_policy_document.secret[each.key].json
  block_public_policy = true
}

data "aws_iam_policy_document" "secret" {
  for_each = {
    tokens       = aws_iam_role.task["host"].arn
    host-tls     = aws_iam_role.task["host"].arn
    job-key      = aws_iam_role.execution["job"].arn
    ingest-token = aws_iam_role.execution["job"].arn
    admin-token  = aws_iam_role.execution["order"].arn
  }

  statement {
    sid       = "OneReader"
    effect    = "Deny"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }

    condition {
      test     = "ArnNotEquals"
      variable = "aws:PrincipalArn"
      values   = concat([each.value], var.operator_principals)
    }
  }
}

variable "name" {
  description = "What everything here is called; several installations in one account have different names."
  type        = string
  default     = "countersign"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,14}[a-z0-9]$", var.name))
    error_message = "Use 3 to 16 lowercase letters, digits and dashes: names of buckets and of load balancers begin with it, and are bounded."
  }
}

variable "region" {
  description = "The AWS region, such as eu-central-1."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "Use the name of a region, such as eu-central-1."
  }
}

variable "account_id" {
  description = "The AWS account, twelve digits. Terraform refuses to work on another."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "Use the twelve digits of the account."
  }
}

variable "availability_zones" {
  description = "The zones that have a subnet: a load balancer takes two at least. The host runs in one of them at a time."
  type        = list(string)

  validation {
    condition     = length(distinct(var.availability_zones)) == length(var.availability_zones) && length(var.availability_zones) >= 2
    error_message = "Name at least two zones, none of them twice."
  }

  validation {
    condition     = alltrue([for zone in var.availability_zones : startswith(zone, var.region)])
    error_message = "Name zones of the region, such as eu-central-1a."
  }
}

variable "vpc_cidr" {
  description = "The addresses of the network; each zone gets a sixteenth of them."
  type        = string
  default     = "10.40.0.0/22"

  validation {
    condition     = can(cidrsubnet(var.vpc_cidr, 4, 0)) && can(regex("/(1[6-9]|2[0-3])$", var.vpc_cidr))
    error_message = "Use an IPv4 range between /16 and /23: a load balancer needs eight free addresses in each subnet."
  }
}

variable "client_cidrs" {
  description = "From where clients may ask for predictions, as IPv4 ranges. There is no way in from the internet."
  type        = set(string)

  validation {
    condition     = length(var.client_cidrs) > 0 && alltrue([for range in var.client_cidrs : can(cidrhost(range, 0)) && range != "0.0.0.0/0"])
    error_message = "Name the ranges of the clients, and not the whole internet."
  }
}

variable "domain_name" {
  description = "The name that the certificate is for. In this network it leads to the load balancer; elsewhere your own DNS has to say so."
  type        = string

  validation {
    condition     = can(regex("^([a-z0-9-]+\\.)+[a-z]{2,}$", var.domain_name))
    error_message = "Use a full name, such as countersign.bank.example."
  }
}

variable "certificate_arn" {
  description = "The certificate in ACM that the load balancer shows, for domain_name and of this region."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/", var.certificate_arn))
    error_message = "Use the ARN of a certificate in ACM."
  }
}

variable "images" {
  description = "The digests of the images in the registry that is made here: host and job, of one release, and the AWS CLI."
  type        = object({ host = string, job = string, aws_cli = string })

  validation {
    condition     = alltrue([for digest in values(var.images) : can(regex("^sha256:[0-9a-f]{64}$", digest))])
    error_message = "Name each image by its digest, sha256:.. with 64 digits: a tag may come to mean another image."
  }
}

variable "host_size" {
  description = "What the host's task gets: CPU in 1,024ths of a core, memory in MiB, disk in GiB (features, copies of modules, predictions on their way)."
  type        = object({ cpu = number, memory = number, storage = number })
  default     = { cpu = 2048, memory = 4096, storage = 30 }

  validation {
    condition     = contains([512, 1024, 2048, 4096, 8192, 16384], var.host_size.cpu) && var.host_size.memory >= 2048
    error_message = "Use a size that Fargate has, with 2,048 MiB at least: cpu 512, 1024, 2048, 4096, 8192 or 16384."
  }

  validation {
    condition     = var.host_size.storage >= 21 && var.host_size.storage <= 200
    error_message = "Fargate gives 21 to 200 GiB."
  }
}

variable "job_size" {
  description = "What a round of the job gets, in the same units. Loans, features and the model are held on its disk and in its memory."
  type        = object({ cpu = number, memory = number, storage = number })
  default     = { cpu = 4096, memory = 8192, storage = 50 }

  validation {
    condition     = contains([1024, 2048, 4096, 8192, 16384], var.job_size.cpu) && var.job_size.memory >= 2048
    error_message = "Use a size that Fargate has, with 2,048 MiB at least: cpu 1024, 2048, 4096, 8192 or 16384."
  }

  validation {
    condition     = var.job_size.storage >= 21 && var.job_size.storage <= 200
    error_message = "Fargate gives 21 to 200 GiB."
  }
}

variable "ready_within_seconds" {
  description = "How long a new host may take to be ready, from its start. Past it ECS starts another, and after three goes back to the one before."
  type        = number
  default     = 300

  validation {
    condition     = var.ready_within_seconds >= 60 && var.ready_within_seconds <= 3600
    error_message = "Use 60 to 3,600 seconds: a host may wait 30 for its object store alone."
  }
}

variable "features_age_max_days" {
  description = "Days after which a user's features are too old to be predicted from; null for no bound."
  type        = number
  default     = null

  validation {
    condition     = var.features_age_max_days == null ? true : var.features_age_max_days >= 1
    error_message = "Use a day at least, or null."
  }
}

variable "model" {
  description = "The model that the job trains."
  type        = string
  default     = "credit-risk"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]*$", var.model))
    error_message = "Use lowercase letters, digits and dashes."
  }
}

variable "recipe" {
  description = "The built-in recipe that the job trains by."
  type        = string
  default     = "extra-trees"

  validation {
    condition     = contains(["baseline", "logistic", "forest", "extra-trees", "boosted"], var.recipe)
    error_message = "Use baseline, logistic, forest, extra-trees or boosted."
  }
}

variable "schedule" {
  description = "When a round of the job begins, in UTC, as EventBridge Scheduler writes it. Leave more time between two than one takes."
  type        = string
  default     = "cron(15 3 * * ? *)"

  validation {
    condition     = can(regex("^(cron|rate)\\(.+\\)$", var.schedule))
    error_message = "Use cron(..) or rate(..)."
  }
}

variable "schedule_enabled" {
  description = "Whether the schedule holds. It is off until the images, the secrets and the first loans are there."
  type        = bool
  default     = false
}

variable "operator_principals" {
  description = "ARNs of the roles of operators: they alone write the trust policy, delete modules, and read the secrets' values back."
  type        = list(string)

  validation {
    condition     = length(var.operator_principals) > 0 && alltrue([for arn in var.operator_principals : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/", arn))])
    error_message = "Name at least one role or user by its ARN: without one nobody could ever change the trust policy."
  }
}

variable "approver_principals" {
  description = "ARNs of the roles of people who put approved modules into the bucket from their own machines, beside the workflow."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.approver_principals : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/", arn))])
    error_message = "Name roles or users by their ARNs."
  }
}

variable "github_repository" {
  description = "The repository whose workflows may deploy and approve, OWNER/NAME."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.github_repository))
    error_message = "Use OWNER/NAME."
  }
}

variable "github_environments" {
  description = "The environments of that repository that each role is for; their required reviewers are what guards the roles. `train` is for whoever trains on GitHub's machines, such as [\"training\"]."
  type        = object({ deploy = list(string), review = list(string), approve = list(string), train = optional(list(string), []) })
  default     = { deploy = ["production"], review = ["review"], approve = ["approval", "second-approval"] }

  validation {
    condition     = alltrue([for role in ["deploy", "review", "approve"] : length(var.github_environments[role]) > 0])
    error_message = "Name an environment for each of deploy, review and approve."
  }

  validation {
    condition = length(setintersection(
      var.github_environments.approve,
      concat(var.github_environments.deploy, var.github_environments.review, var.github_environments.train),
    )) == 0
    error_message = "Whoever may approve comes in by an environment of its own: what it demands is not demanded of the others."
  }
}

variable "github_oidc_provider_arn" {
  description = "The account's provider for GitHub's tokens, where it has one already; an account can have one only. Null makes it."
  type        = string
  default     = null
}

variable "alarm_emails" {
  description = "Addresses that alarms are sent to. Each gets a mail first, and has to say yes."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for address in var.alarm_emails : can(regex("^[^@ ]+@[^@ ]+$", address))])
    error_message = "Use addresses of mail."
  }
}

variable "slow_seconds" {
  description = "The time that the slowest hundredth of requests may take before somebody is told."
  type        = number
  default     = 0.25

  validation {
    condition     = var.slow_seconds > 0
    error_message = "Use more than no time."
  }
}

variable "log_retention_days" {
  description = "How long logs are kept, in one of the lengths that CloudWatch has."
  type        = number
  default     = 365

  validation {
    condition     = contains([30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "Use a length that CloudWatch has, such as 30, 90, 365 or 3653."
  }
}

variable "prediction_retention_days" {
  description = "How long logged predictions are kept. They are personal data, and what a decision is explained from: ask your lawyers."
  type        = number
  default     = 3653

  validation {
    condition     = var.prediction_retention_days >= 1
    error_message = "Use a day at least."
  }
}

variable "domain" {
  description = "The host name at which people reach it; its address record points to the output `address`."
  type        = string
}

variable "repository" {
  description = "Where git finds clawsite."
  type        = string
}

variable "release" {
  description = "The tag or branch that is installed first."
  type        = string
  default     = "v0.1.0"
}

variable "region" {
  description = "Where the machine stands."
  type        = string
  default     = "eu-central-1"
}

variable "instance_type" {
  description = "The size of the machine; the limits of compose.prod.yaml add up to 8 GB."
  type        = string
  default     = "t3.large"
}

variable "disk_gigabytes" {
  description = "The size of its disk."
  type        = number
  default     = 60
}

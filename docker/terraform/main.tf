# One machine for compose.prod.yaml on AWS: its own network, a disk for what must last, a bucket for backups, and the
# right to write there for this machine alone.
#
#   terraform init && terraform apply -var 'domain=claw.example.org' -var 'repository=https://git.example.org/clawsite.git'
terraform {
  required_version = ">= 1.6"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.0"
    }
  }
}

provider "aws" {
  region = var.region
}

data "aws_ami" "debian" {
  most_recent = true
  owners      = ["136693071363"] # Debian
  filter {
    name   = "name"
    values = ["debian-12-amd64-*"]
  }
}

resource "aws_vpc" "claw" {
  cidr_block           = "10.70.0.0/16"
  enable_dns_hostnames = true
  tags                 = { Name = "clawsite" }
}

resource "aws_subnet" "claw" {
  vpc_id            = aws_vpc.claw.id
  cidr_block        = "10.70.1.0/24"
  availability_zone = "${var.region}a"
}

resource "aws_internet_gateway" "claw" {
  vpc_id = aws_vpc.claw.id
}

resource "aws_route_table" "claw" {
  vpc_id = aws_vpc.claw.id
  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.claw.id
  }
}

resource "aws_route_table_association" "claw" {
  subnet_id      = aws_subnet.claw.id
  route_table_id = aws_route_table.claw.id
}

resource "aws_security_group" "claw" {
  name        = "clawsite"
  description = "People reach the proxy; nobody reaches anything else."
  vpc_id      = aws_vpc.claw.id

  dynamic "ingress" {
    for_each = [80, 443]
    content {
      from_port   = ingress.value
      to_port     = ingress.value
      protocol    = "tcp"
      cidr_blocks = ["0.0.0.0/0"]
    }
  }
  egress {
    from_port   = 0
    to_port     = 0
    protocol    = "-1"
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_s3_bucket" "backups" {
  bucket_prefix = "clawsite-backups-"
}

resource "aws_s3_bucket_public_access_block" "backups" {
  bucket                  = aws_s3_bucket.backups.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_versioning" "backups" {
  bucket = aws_s3_bucket.backups.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_iam_role" "claw" {
  name_prefix = "clawsite-"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ec2.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "backups" {
  role = aws_iam_role.claw.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
      Resource = [aws_s3_bucket.backups.arn, "${aws_s3_bucket.backups.arn}/*"]
    }]
  })
}

# A shell without an open port: aws ssm start-session.
resource "aws_iam_role_policy_attachment" "shell" {
  role       = aws_iam_role.claw.name
  policy_arn = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
}

resource "aws_iam_instance_profile" "claw" {
  name_prefix = "clawsite-"
  role        = aws_iam_role.claw.name
}

resource "aws_instance" "claw" {
  ami                         = data.aws_ami.debian.id
  instance_type               = var.instance_type
  subnet_id                   = aws_subnet.claw.id
  vpc_security_group_ids      = [aws_security_group.claw.id]
  iam_instance_profile        = aws_iam_instance_profile.claw.name
  associate_public_ip_address = true
  user_data = templatefile("${path.module}/cloud-init.yaml.tftpl", {
    domain     = var.domain
    repository = var.repository
    release    = var.release
  })

  metadata_options {
    http_tokens                 = "required"
    http_put_response_hop_limit = 1 # containers reach no credentials
  }
  root_block_device {
    volume_type = "gp3"
    volume_size = var.disk_gigabytes
    encrypted   = true
  }
  lifecycle {
    ignore_changes = [ami, user_data] # a new version is docker/deploy's matter, not a new machine
  }
  tags = { Name = "clawsite" }
}

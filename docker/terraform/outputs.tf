output "address" {
  description = "The address for the domain's record."
  value       = aws_instance.claw.public_ip
}

output "backups" {
  description = "The bucket for backups."
  value       = aws_s3_bucket.backups.bucket
}

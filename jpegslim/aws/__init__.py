"""Photos in S3: from the command line, in a Lambda function, by S3 Batch Operations."""

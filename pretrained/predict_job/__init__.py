"""The job `nasnet-predict`: a trained model answers a folder of images in a table."""

"""The job `nasnet-export`: a trained model and folders of images become a file for another runtime."""

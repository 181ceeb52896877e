"""`python -m nasnet_keras.pretrained.predict`: the job `nasnet-predict`, of the folder `predict_job`."""

import sys

if __name__ == "__main__":
    from nasnet_keras.pretrained.predict_job.__main__ import console

    console()
else:  # an import makes a module an attribute of its package, in which this name is the function's
    from nasnet_keras.pretrained.prediction import predict

    sys.modules[__name__] = predict

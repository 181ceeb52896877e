"""`python -m nasnet_keras.pretrained.fine_tune`: another name of the job `python -m nasnet_keras.pretrained`."""

import sys

if __name__ == "__main__":
    from nasnet_keras.pretrained.__main__ import console

    console()
else:  # an import makes a module an attribute of its package, in which this name is the function's
    from nasnet_keras.pretrained.fine_tuning import fine_tune

    sys.modules[__name__] = fine_tune

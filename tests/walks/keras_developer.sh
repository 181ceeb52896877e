# A Keras developer: a backbone for a head of their own, training, saving, exporting.
source "$(dirname "$0")/said.sh"

raised "did you mean 'NASNetFromGenotype'" python -c "import nasnet_keras as nk; nk.NasNetFromGenotype"
raised "num_classes.*classes" python -c "import nasnet_keras as nk; nk.NASNetFromGenotype('nasnet_a', num_classes=3)"
raised "nasnet_a" python -c "import nasnet_keras as nk; nk.NASNetFromGenotype('nasnet-a', num_repeats=1)"

cat > developer.py <<'PYTHON'
import keras
import numpy as np

import nasnet_keras as nk

backbone = nk.pretrained.load("mnasnet_tiny_imagenet", include_top=False, input_shape=(64, 64, 3))
taps = nk.taps(backbone)
print("strides", *taps)
fine, coarse = taps[8], taps[16]
up = keras.layers.UpSampling2D(2)(keras.layers.Conv2D(16, 1)(coarse))
both = keras.layers.Add()([keras.layers.Conv2D(16, 1)(fine), up])
segments = keras.Model(backbone.input, keras.layers.Conv2D(3, 1, activation="softmax")(both))
images = np.random.default_rng(0).integers(0, 256, (8, 64, 64, 3)).astype("float32")
segments.compile("adam", "sparse_categorical_crossentropy")
segments.fit(images, np.zeros((8, 8, 8), int), epochs=1, verbose=0)
print("segments", segments.output_shape)

model = nk.NASNetFromGenotype("nasnet_a", (32, 32, 3), num_repeats=1, filters=4, classes=3)
model.compile("adam", "sparse_categorical_crossentropy")
small = images[:, ::2, ::2] / 255
model.fit(small, np.arange(8) % 3, epochs=1, verbose=0)
model.save("mine.keras")
again = keras.models.load_model("mine.keras")
assert np.allclose(again.predict(small, verbose=0), model.predict(small, verbose=0), atol=1e-5)
print(nk.export(again, "mine.tflite", class_names=["a", "b", "c"]))
print(nk.export(again, "mine.onnx"))

other = keras.applications.MobileNetV2((32, 32, 3), weights=None, classes=3, alpha=0.35)
print(nk.export(other, "other.tflite"))
print(nk.model_cost(other))
PYTHON
said "strides .*8 16" python developer.py
heard "segments \(None, 8, 8, 3\)"
heard "mine.tflite: litert"
heard "mine.onnx: onnx"
heard "other.tflite: litert"
heard "Cost\(parameters="
test -s mine.tflite.labels.txt
raised "ends in none of .tflite" python -c "
import nasnet_keras as nk, keras
nk.export(keras.models.load_model('mine.keras'), 'x.tflit')"
mkdir taken.tflite
raised "taken.tflite.* folder" python -c "
import nasnet_keras as nk, keras
nk.export(keras.models.load_model('mine.keras'), 'taken.tflite')"

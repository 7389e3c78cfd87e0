"""Watching inside Keras's fit, on torch; the backend is chosen once per process, so this runs in its own."""

import json
import os
import subprocess
import sys

CODE = """
import json, numpy as np, keras
from trainability.integrations import keras_callback
x = np.random.RandomState(0).randn(256, 8).astype("float32"); y = (x[:, 0] > 0).astype("int64")
def run(lr):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Dense(16, activation="relu"), keras.layers.Dense(2)])
    model.compile(keras.optimizers.SGD(lr), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    callback = keras_callback(every=4)
    model.fit(x, y, epochs=3, batch_size=16, verbose=0, callbacks=[callback])
    p = callback.report()
    return {"steps": p.steps, "start": p.start_loss, "outcome": p.outcome, "causes": [f.cause for f in p.findings],
            "lr": p.looks[-1].lr, "update": p.looks[-1].update, "layers": [l[1] for l in p.looks[-1].layers]}
print(json.dumps([run(0.1), run(1e6)]))
"""


def test_a_healthy_and_an_exploding_run():
    environment = {**os.environ, "KERAS_BACKEND": "torch"}
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    healthy, wild = json.loads(done.stdout.splitlines()[-1])
    assert healthy["steps"] == 48
    assert healthy["causes"] == []
    assert 0.3 < healthy["start"] < 2
    assert healthy["outcome"] in ("learning", "trained")
    assert healthy["lr"] == wild["lr"] / 1e7 or abs(healthy["lr"] - 0.1) < 1e-6
    assert 0 < healthy["update"] < 1
    assert "relu" in healthy["layers"]
    assert "lr-too-high" in wild["causes"] or "exploding-gradient" in wild["causes"]

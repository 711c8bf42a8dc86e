"""The engine of guided transfer learning: how a picture becomes a model, one package per step.

It knows no Streamlit and no Plotly; it is used by the pages, by `python -m tl_core` and from a
notebook. A package imports only what stands above it in this table:

    errors         trouble that a person can do something about
    workspace      LIGHT  what a person owns: storage, database, projects
    images         LIGHT  files from strangers to verified, labelled, grouped, split pictures
    runs           LIGHT  what was asked and what came of it: configuration, queue, log, results
    backbones      pretrained networks: weights, layer groups, preprocessing, cutting, folding
    features       pictures to kept numbers: decoding, augmentation, engines, caches, copies
    evaluation     folds, out-of-fold answers, calibration, explanation
    approaches     one module per way to transfer, and the training that carries it out
    assessment     did the pretrained model help? baselines, verdict, distance, curves, ranking
    export         the predictor, ONNX, comparison with the app
    service        processes: worker, execution, compute process, downloads, headless commands
    __main__       the command line

LIGHT packages never load torch, timm or scikit-learn: the server imports `errors` and these three
only, so that a click stays quick.
"""

import os

# Importing onnxruntime looks up its maker's host and keeps a device id, unless told so before.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

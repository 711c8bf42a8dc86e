"""The terms of the field, each in one sentence for somebody who meets it for the first time."""

from html import escape

import streamlit as st

TERMS = {
    "backbone": (
        "A network that somebody else already trained on a large collection of pictures, without "
        "its last part; it turns a picture into a list of numbers that describe what is in it."
    ),
    "pretrained": (
        "Already trained on other pictures, often more than a million, so that it can see edges, "
        "textures and shapes before it has seen a single picture of yours."
    ),
    "transfer learning": (
        "Reusing what a network learned on one large collection of pictures for a question of "
        "your own, for which you have only a few pictures."
    ),
    "parameters": (
        "The numbers inside a network that training adjusts; more of them can know more, but "
        "need more time and memory."
    ),
    "input size": (
        "Every picture is scaled to this many pixels per side before the network looks at it; "
        "larger shows finer details and takes longer."
    ),
    "CNN": (
        "A convolutional network: it slides small pattern detectors over the picture, first for "
        "edges, then for textures, then for parts of things."
    ),
    "ViT": (
        "A vision transformer: it cuts the picture into tiles and lets every tile look at every "
        "other one; strong, and usually slower on a laptop."
    ),
    "supervised": "Trained on pictures that people had named: this is a dog, this is a boat.",
    "self-supervised": (
        "Trained on pictures without names, by tasks such as recognising two views of the same "
        "picture; it often suits pictures that are unlike everyday photographs."
    ),
    "weights": "The values of a network's parameters: everything that it has learned, as a file.",
    "licence": "What the authors of the weights allow you to do with them.",
    "timm": (
        "A free collection of more than a thousand pretrained networks for pictures; this app "
        "builds its backbones with it."
    ),
    "architecture": "The plan of a network: which layers it has and how they are connected.",
    "class": "One of the answers that the model can give, such as “healthy” or “rust”.",
    "test pictures": (
        "Pictures put aside until the very end and never used for training, so that the final "
        "number is an honest one."
    ),
    "validation pictures": (
        "Pictures that the model is not trained on; they serve to choose between settings and to "
        "see when it starts to learn by heart."
    ),
    "training pictures": "The pictures that the model learns from.",
    "cross-validation": (
        "Learning from most of the training pictures and checking on the rest, in turns, to "
        "choose between settings without touching the test pictures."
    ),
    "split": (
        "Which pictures the model learns from, which ones choose between settings, and which "
        "ones are put aside for the final test."
    ),
    "exact duplicate": (
        "A file that is the same as another one, byte for byte; counted twice it would make the "
        "model look better than it is."
    ),
    "layer group": "A stretch of the network's layers that are frozen or trained together.",
    "frozen": "Left as it is: training does not change these parameters.",
    "classifier": (
        "The last, small part of the network, which turns the backbone's description of a "
        "picture into one of your classes."
    ),
    "linear probing": (
        "Leaving the whole backbone as it is and training only the classifier on top: fast, and "
        "hard to beat with few pictures."
    ),
    "fine-tuning": (
        "Training some of the backbone's own layers further on your pictures, carefully, starting "
        "from what they already know."
    ),
    "from scratch": "Training the same network without anything learned before, for comparison.",
    "augmentation": (
        "Showing the model slightly changed copies of your pictures, so that it learns what does "
        "not matter: a shifted crop, another light."
    ),
    "epoch": "One pass over all training pictures.",
    "step": "One small correction of the parameters, after looking at one batch of pictures.",
    "batch": "A handful of pictures that the model looks at together before it is corrected.",
    "loss": (
        "How wrong and how unsure the model is, as one number: 0 is perfect, 0.7 (in nats, its "
        "unit) is tossing a coin between two classes; training tries to make it small."
    ),
    "accuracy": "The share of pictures for which the model's first answer is right.",
    "overfitting": (
        "Learning the training pictures by heart: the training curve gets better while the "
        "validation curve gets worse."
    ),
    "learning rate": "How large each correction is; too large and training becomes unstable.",
    "weight decay": "A gentle pull of the parameters towards zero, against learning by heart.",
    "seed": "The number that starts all drawing of lots: same seed, same result.",
    "balanced classes": (
        "Every class counts equally in training, however many pictures it has, so that a rare "
        "class is not ignored."
    ),
    "interval": (
        "The accuracies that so few pictures leave plausible: of 100 such ranges, each measured "
        "on pictures of its own, about 95 hold the true accuracy."
    ),
    "confusion matrix": (
        "A table of what was mistaken for what: a row per true class, a column per answer; the "
        "diagonal holds what was right."
    ),
    "precision": "Of the pictures that the model called so, the share that really are.",
    "recall": "Of the pictures that really are so, the share that the model found.",
    "F1": "One number for precision and recall together; it is only high when both are.",
    "macro F1": "The F1 of all classes averaged, every class counting the same.",
    "probability": "How sure the model is of each class; for one picture they add up to 100 %.",
    "Grad-CAM": (
        "A picture of where the model looked: the areas that spoke most for its answer are tinted."
    ),
    "ONNX": "A file format for finished networks that many programs and devices can run.",
    "safetensors": "A file format for weights that cannot contain program code.",
    "parity": (
        "Whether the exported file gives the same probabilities as the app on the same pictures."
    ),
    "baseline": (
        "A simpler way to answer, measured on the same pictures; a number only means something "
        "next to it."
    ),
    "random weights": (
        "The network as it is before any training: its layers exist, but know nothing."
    ),
    "colour histogram": (
        "How much of each colour a picture holds, and nothing about shapes; if that is enough to "
        "tell your classes apart, the background or the light may give them away."
    ),
    "paired difference": (
        "Two models compared picture by picture on the same pictures, so that easy and hard "
        "pictures count the same for both."
    ),
    "negative transfer": (
        "When starting from what a network learned elsewhere makes the result worse than doing "
        "without it."
    ),
    "point": "A percentage point: from 80 % to 85 % is 5 points.",
    "proxy A-distance": (
        "How easily a simple model tells two collections of pictures apart: 0 means not at all, "
        "so they look alike; 2 means always."
    ),
    "Fréchet distance": (
        "How far apart two collections of pictures lie in what the network sees, from their "
        "averages and their spread; it only serves to compare, and needs many pictures."
    ),
    "learning curve": "How good the model gets with more and more pictures to learn from.",
    "calibration": (
        "Whether stated probabilities can be believed: of all answers given with 80 %, about 80 % "
        "should be right."
    ),
    "temperature": (
        "One number that makes a model's probabilities more modest (above 1) or bolder (below 1) "
        "without changing which answer comes first."
    ),
    "coverage": "The share of pictures that get an answer instead of “not sure”.",
    "conformal set": (
        "Instead of one answer a short list of classes, made so long that the right one is in it "
        "about as often as promised."
    ),
    "k-nearest neighbours": (
        "Giving a picture the class of the pictures most like it; no training, so it tells how "
        "well a network's view of the pictures suits your classes."
    ),
    "group": (
        "Pictures that show the same thing: copies, a burst of shots, one leaf or one patient; "
        "they are learned from together or tested on together, never split."
    ),
    "locked test part": (
        "Pictures put aside that nothing learns from and nothing is chosen by; look at the result "
        "on them once, at the end, because every further look makes the number less honest."
    ),
    "run": "One training with its settings and its result.",
}


def term(name: str) -> str:
    """Return the one-sentence explanation of a term, for a widget's `help`."""
    return TERMS[name]


def explain(*names: str) -> None:
    """Draw the terms that first appear here; each opens to its explanation."""
    parts = [
        f"<details><summary>{escape(name)}</summary><p>{escape(TERMS[name])}</p></details>"
        for name in names
    ]
    st.html(f'<div class="tl-terms"><span>New words:</span>{"".join(parts)}</div>')

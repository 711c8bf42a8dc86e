"""The finished model, in use and as files to take away.

predictor            pictures in, probabilities out, for runs and exported files
onnx_preprocessing   the app's preprocessing as an ONNX graph
bundle               weights, ONNX and script of a run, compared with the app's answers
model_card           what the model answers, how well, and its limits
standalone_predict   the script that is exported: classifies pictures without the app
"""

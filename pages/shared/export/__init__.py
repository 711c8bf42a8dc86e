"""The Export page's parts.

onnx_check  the ONNX file: made, compared with the app, downloaded
"""

"""The engine of guided transfer learning: no Streamlit, no Plotly, usable from a notebook."""

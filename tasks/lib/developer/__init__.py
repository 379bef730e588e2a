"""The developer's own machine: its Python, .venv, .env, the services beside it, and serving."""

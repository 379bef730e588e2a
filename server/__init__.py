"""The reference service that the recipes ship with: the default thing to deploy."""

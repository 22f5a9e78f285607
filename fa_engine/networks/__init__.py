"""Layers, activations and losses, and the networks that are made of them."""

"""How errors come back: the schemes, and the matrices that they go through."""

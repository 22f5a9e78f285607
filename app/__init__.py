"""The dashboard: everything a person touches, the store it reads and the workers that train."""

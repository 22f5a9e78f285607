"""Why it aligns: fixed points and their stability, kicks, the walk and its landscape."""

"""Published tables of feedback alignment, reproduced: ``python -m recipes``."""

from recipes import (
    akrout2019,
    crafton2019,
    frenkel2021,
    liao2016,
    lillicrap2016,
    nokland2016,
    refinetti2021,
)

RECIPES = {
    recipe.name: recipe
    for recipe in (
        akrout2019.RECIPE,
        nokland2016.RECIPE,
        frenkel2021.RECIPE,
        lillicrap2016.LINEAR,
        lillicrap2016.MNIST,
        refinetti2021.RECIPE,
        liao2016.RECIPE,
        crafton2019.RECIPE,
    )
}
"""A ``Recipe`` by name, the most important first: what time is short for is the last."""

"""Studies: questions that many networks answer, and answers with their uncertainty.

An :class:`~fa_engine.studies.experiment.Experiment` says what is asked, what is trained and by
which rule the networks decide, all before anything is trained;
:func:`fa_engine.studies.running.run` trains it and gives the verdict.
"""

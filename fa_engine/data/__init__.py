"""Where the samples of each data set come from: one file a source."""

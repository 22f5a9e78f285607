"""Workers: processes that claim queued runs and train them, and the supervisor that keeps them."""

"""The TOML file of `nsm sweep`: what it says, how long it takes, and its JSON schema."""

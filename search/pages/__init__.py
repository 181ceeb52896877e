"""Parts of a study's page: each module gives one section as HTML, empty where there is nothing to say."""

"""How to say it: the loop from sound to sound, turn taking, what was heard, recording."""

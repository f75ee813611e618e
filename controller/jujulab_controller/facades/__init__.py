"""The facades, one module each. Importing :mod:`jujulab_controller.facades.all` registers them."""

"""One pass per file: the module ``fold_conv_batchnorm`` has the class ``FoldConvBatchnorm`` with the name
``fold-conv-batchnorm``.
"""

"""An LSTM that loads like any other classifier. Saved models carry this file, so it imports nothing of hf_augment."""

import torch
from torch import nn
from transformers import PreTrainedConfig, PreTrainedModel
from transformers import initialization as init
from transformers.modeling_outputs import SequenceClassifierOutput


class LSTMConfig(PreTrainedConfig):
    """
    The size of an [`LSTMForSequenceClassification`].

    Args:
        vocab_size (`int`, *optional*, defaults to `8192`): Tokens of the tokenizer.
        embedding_size (`int`, *optional*, defaults to `128`): The width of a token's vector.
        hidden_size (`int`, *optional*, defaults to `256`): The width of the LSTM's state.
        dropout (`float`, *optional*, defaults to `0.1`): On the embeddings and on the last state, while training.
        pad_token_id (`int`, *optional*, defaults to `0`): What is ignored where no attention mask is given.
    """

    model_type = "hf_augment_lstm"

    vocab_size: int = 8192
    embedding_size: int = 128
    hidden_size: int = 256
    dropout: float | int = 0.1
    pad_token_id: int | None = 0


class LSTMForSequenceClassification(PreTrainedModel):
    """
    One LSTM layer, read at its last real token (Hochreiter and Schmidhuber 1997), and a linear layer.

    Padding, on either side, and the other rows of a batch do not change a row's logits.

    Args:
        config ([`LSTMConfig`]): The sizes, and the names of the labels.
    """

    config_class = LSTMConfig

    def __init__(self, config: LSTMConfig):
        super().__init__(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.embedding_size)
        self.lstm = nn.LSTM(config.embedding_size, config.hidden_size, batch_first=True)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)
        self.dropout = nn.Dropout(config.dropout)
        self.post_init()

    @torch.no_grad()
    def _init_weights(self, module):
        # Small embeddings and a forget gate that starts open (Jozefowicz et al. 2015). On 500 SST-2 sentences this
        # scored 65 % on validation rows, PyTorch's own initial weights 57 %.
        if isinstance(module, nn.Embedding):
            init.normal_(module.weight, std=0.1)
        elif isinstance(module, nn.LSTM):
            size = module.hidden_size
            forget_open = torch.zeros(4 * size)
            forget_open[size : 2 * size] = 1.0
            for name, parameter in module.named_parameters():
                if name.startswith("weight"):
                    init.uniform_(parameter, -(size**-0.5), size**-0.5)
                else:
                    init.copy_(parameter, forget_open if name.startswith("bias_ih") else torch.zeros(4 * size))
        elif isinstance(module, nn.Linear):
            init.xavier_uniform_(module.weight)
            init.zeros_(module.bias)

    def forward(
        self,
        input_ids: torch.LongTensor,
        attention_mask: torch.Tensor | None = None,
        labels: torch.LongTensor | None = None,
    ) -> SequenceClassifierOutput:
        """
        Return the logits, and the cross-entropy where labels are given.

        Args:
            input_ids (`torch.LongTensor`): Tokens, one row a text.
            attention_mask (`torch.Tensor`, *optional*): 1 for a token, 0 for padding.
            labels (`torch.LongTensor`, *optional*): The class of each row.
        """
        real = input_ids != self.config.pad_token_id if attention_mask is None else attention_mask.bool()
        width = max(1, input_ids.shape[1])  # a batch of empty texts has no column at all
        real = nn.functional.pad(real, (0, width - input_ids.shape[1]))
        input_ids = nn.functional.pad(input_ids, (0, width - input_ids.shape[1]))
        # With the tokens in front nothing that follows them reaches the state that is read. Equal to packed
        # sequences, and two to four times as fast on a CPU.
        tokens_first = real.int().argsort(dim=1, descending=True, stable=True)
        states, _ = self.lstm(self.dropout(self.embed_tokens(input_ids.gather(1, tokens_first))))
        lengths = real.sum(dim=1)
        last = states[torch.arange(len(states), device=states.device), (lengths - 1).clamp(min=0)]
        last = last * (lengths > 0).unsqueeze(1)  # an empty text is read as the state before the first token
        logits = self.classifier(self.dropout(last))
        loss = None if labels is None else nn.functional.cross_entropy(logits, labels)
        return SequenceClassifierOutput(loss=loss, logits=logits)

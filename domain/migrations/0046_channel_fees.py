"""What payment channels keep for their service is booked: a kind of account and of transfer."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops
from tortoise.migrations.operations import RunSQL

from domain.ledger.models import AccountKind, TransferKind



class Migration(migrations.Migration):
    """One more kind of each."""

    dependencies = [("domain", "0045_statements")]

    initial = False

    operations = [
        ops.AlterField(
            model_name='Account',
            name='kind',
            field=fields.CharEnumField(description='WALLET: wallet\nDEPOSIT: deposit\nCOMMISSION: commission\nSUPPLIER: supplier\nSUPPLIER_CLAIM: supplier_claim\nBANK: bank\nPREPAYMENT: prepayment\nREVENUE: revenue\nCOST: cost\nINVENTORY: inventory\nCOMMISSION_EXPENSE: commission_expense\nLOSS: loss\nCHANNEL: channel\nSUSPENSE: suspense\nREFUND_DUE: refund_due\nCHANNEL_FEE: channel_fee\nGIFT_CARD: gift_card', enum_type=AccountKind, max_length=24),
        ),
        ops.AlterField(
            model_name='Transfer',
            name='kind',
            field=fields.CharEnumField(description='TOPUP: topup\nPAYMENT: payment\nSALE: sale\nREFUND: refund\nDELIVERED_REFUND: delivered_refund\nCARD_PURCHASE: card_purchase\nCARD_PURCHASE_UNDONE: card_purchase_undone\nSUPPLY: supply\nGIFT_CARD_REDEMPTION: gift_card_redemption\nGIFT_CARD_VOID: gift_card_void\nGIFT_CARD_BREAKAGE: gift_card_breakage\nSUSPENSE: suspense\nREFUND_REQUEST: refund_request\nREFUND_SENT: refund_sent\nREFUND_FAILED: refund_failed\nCARD_WRITE_OFF: card_write_off\nCARD_RETURN: card_return\nREPLACEMENT: replacement\nSUPPLIER_CLAIM: supplier_claim\nSUPPLIER_CLAIM_SETTLED: supplier_claim_settled\nCHANNEL_FEE: channel_fee', enum_type=TransferKind, max_length=24),
        ),
    ]

"""The long-lived parts of one process, built once; doors hand them down (design, layers)."""

from functools import cached_property

from wxbot.db import assert_no_transaction
from wxbot.ground import Ground
from wxbot.wechat.errors import NotSent
from wxbot.wechat.http import Timeouts, Transport
from wxbot.wechat.messages import CallbackAccount
from wxbot.wechat.mp import OfficialAccount
from wxbot.wechat.oauth import OAuth
from wxbot.wechat.pay import PayClient
from wxbot.wechat.pay_v3 import PayV3Client
from wxbot.wechat.shakearound import Shakearound
from wxbot.wechat.tokens import Tokens


class Runtime(Ground):
    """The ground and the WeChat clients; everything is made on first use."""

    @cached_property
    def transport(self) -> Transport:
        """HTTP to WeChat's API hosts; refuses to run while a transaction is open."""
        return Transport(before_send=assert_no_transaction)

    @cached_property
    def transport_to_relays(self) -> Transport:
        """HTTP to drand's relays, while a room waits; refuses to run while a transaction is open."""
        timeouts = Timeouts(connect_s=2.0, read_s=3.0, total_s=4.0)
        return Transport(before_send=assert_no_transaction, timeouts=timeouts, pool_size=2)

    @cached_property
    def account(self) -> CallbackAccount:
        """What is needed to open and seal callbacks."""
        settings = self.settings
        return CallbackAccount(
            appid=settings.appid,
            original_id=settings.original_id,
            callback_token=settings.callback_token.get_secret_value(),
            aes_key=settings.aes_key.get_secret_value(),
            mode=settings.callback_mode,
        ).with_former(settings.callback_token_old.get_secret_value(), settings.aes_key_old.get_secret_value())

    @cached_property
    def tokens(self) -> Tokens:
        """access_token and jsapi_ticket, shared by all processes."""
        settings = self.settings
        return Tokens(
            self.redis,
            self.transport,
            settings.api_base,
            settings.appid,
            settings.appsecret.get_secret_value(),
            clock=self.clock.unix,
        )

    @cached_property
    def official_account(self) -> OfficialAccount:
        """The official-account API."""
        return OfficialAccount(self.transport, self.tokens, self.settings.api_base, self.settings.mp_base)

    @cached_property
    def shakearound(self) -> Shakearound:
        """The shake-around API."""
        return Shakearound(self.transport, self.tokens, self.settings.api_base)

    @cached_property
    def oauth(self) -> OAuth:
        """Web authorisation."""
        settings = self.settings
        return OAuth(
            self.transport, settings.api_base, settings.open_base, settings.appid, settings.appsecret.get_secret_value()
        )

    @cached_property
    def pay(self) -> PayClient:
        """WeChat Pay v2 with the merchant's client certificate."""
        settings = self.settings
        ca_file = str(settings.pay_ca_file) if settings.pay_ca_file else None
        transport = Transport(
            before_send=assert_no_transaction,
            cert=(str(settings.pay_cert_file), str(settings.pay_cert_key_file)),
            ca_file=ca_file,
            pool_size=settings.pay_concurrency,
        )
        return PayClient(
            transport,
            settings.mch_base,
            appid=settings.appid,
            mch_id=settings.mch_id,
            pay_key=settings.pay_key.get_secret_value(),
        )

    @cached_property
    def pay_v3(self) -> PayV3Client:
        """WeChat Pay v3, for merchant transfers; it signs where v2 has a client certificate.

        Raises NotSent when its keys are missing or do not fit: nothing can be sent then, and other orders go on.
        """
        try:
            return self._make_pay_v3()
        except (OSError, ValueError) as error:
            raise NotSent(
                f"WeChat Pay v3 cannot be used ({error}): check WXBOT_API_V3_KEY, WXBOT_PAY_CERT_FILE, "
                "WXBOT_PAY_CERT_KEY_FILE and WXBOT_PAY_PUBLIC_KEY_FILE"
            ) from error

    def _make_pay_v3(self) -> PayV3Client:
        settings = self.settings
        transport = Transport(
            before_send=assert_no_transaction,
            ca_file=str(settings.pay_ca_file) if settings.pay_ca_file else None,
            pool_size=settings.pay_concurrency,
        )
        return PayV3Client(
            transport,
            settings.mch_base,
            mch_id=settings.mch_id,
            appid=settings.appid,
            private_key_file=settings.pay_cert_key_file,
            cert_file=settings.pay_cert_file,
            api_v3_key=settings.api_v3_key.get_secret_value(),
            public_key_id=settings.pay_public_key_id,
            public_key=settings.pay_public_key_file.read_text("utf-8") if settings.pay_public_key_file else "",
            former_api_v3_key=settings.api_v3_key_old.get_secret_value(),
            former_public_key_id=settings.pay_public_key_old_id,
            former_public_key=settings.pay_public_key_old_file.read_text("utf-8")
            if settings.pay_public_key_old_file
            else "",
            clock=self._signing_clock,
        )

    def _signing_clock(self) -> float:
        """Unix seconds for signatures that hold 5 minutes: a simulator's clock may just have been moved, so it is asked."""
        self.clock.refresh()
        return self.clock.unix()

//! Switches of IMS.

switches! {
    /// Switches of IMS, the identity service.
    ImsFlags {
        /// Status of `invalid_client`: 401 or 400.
        invalid_client_status: u16 = 401 => 400,
        /// Life of a token in seconds of the simulator's clock.
        token_ttl_seconds: u64 = 86_399,
        /// Whether a token dies with the secret that it was issued for.
        removed_secrets_kill_tokens: bool = false => true,
    }
}

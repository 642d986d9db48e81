#include "util/ssh_key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#include <array>
#include <vector>

#include "util/error.h"
#include "util/fd.h"
#include "util/ssh_wire.h"

namespace util {
namespace {

constexpr std::size_t kLargestFile = 100u << 10;
constexpr std::string_view kOpenSshName = "OPENSSH PRIVATE KEY";
constexpr std::string_view kOpenSshMagic{"openssh-key-v1\0", 15};
constexpr const char* kProtectedHint = "add it to an agent with ssh-add, and give that with --ssh ID";

template <auto release>
struct Free {
  template <typename T>
  void operator()(T* object) const {
    release(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Free<EVP_PKEY_CTX_free>>;
using Bio = std::unique_ptr<BIO, Free<BIO_free>>;
using Number = std::unique_ptr<BIGNUM, Free<BN_clear_free>>;
using Parameters = std::unique_ptr<OSSL_PARAM, Free<OSSL_PARAM_free>>;
using ParameterBuilder = std::unique_ptr<OSSL_PARAM_BLD, Free<OSSL_PARAM_BLD_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Free<EVP_MD_CTX_free>>;

struct Curve {
  std::string_view ssh_name;  ///< RFC 5656 section 10.1
  const char* openssl_name;
  const char* hash;
};
constexpr std::array kCurves = {Curve{"nistp256", "prime256v1", "SHA256"}, Curve{"nistp384", "secp384r1", "SHA384"},
                                Curve{"nistp521", "secp521r1", "SHA512"}};

[[noreturn]] void fail(const std::string& what) {
  ERR_clear_error();
  throw Error(what);
}

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

Number number_of(std::string_view magnitude) {
  Number number(BN_bin2bn(bytes_of(magnitude), static_cast<int>(magnitude.size()), nullptr));
  if (!number) fail("a number is malformed");
  return number;
}

std::string magnitude_of(const BIGNUM* number) {
  std::string bytes(static_cast<std::size_t>(BN_num_bytes(number)), '\0');
  BN_bn2bin(number, reinterpret_cast<unsigned char*>(bytes.data()));
  return bytes;
}

/// One parameter of a key, which is a number.
std::string magnitude_of(const EVP_PKEY* key, const char* name) {
  BIGNUM* value = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &value) != 1) fail("the key is incomplete");
  const Number number(value);
  return magnitude_of(number.get());
}

Key key_from(const char* type, const ParameterBuilder& builder) {
  const Parameters parameters(OSSL_PARAM_BLD_to_param(builder.get()));
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (!parameters || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_KEYPAIR, parameters.get()) != 1) {
    fail("the numbers in it make no key");
  }
  return Key(key);
}

Key rsa_key(SshReader& fields) {
  const Number n = number_of(fields.string()), e = number_of(fields.string()), d = number_of(fields.string());
  const ParameterBuilder builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_D, d.get());
  return key_from("RSA", builder);
}

Key ecdsa_key(SshReader& fields) {
  const std::string_view name = fields.string(), point = fields.string();
  const Number secret = number_of(fields.string());
  for (const Curve& curve : kCurves) {
    if (curve.ssh_name != name) continue;
    const ParameterBuilder builder(OSSL_PARAM_BLD_new());
    OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve.openssl_name, 0);
    OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size());
    OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, secret.get());
    return key_from("EC", builder);
  }
  fail("unknown curve `" + std::string(name) + "`");
}

Key ed25519_key(SshReader& fields) {
  fields.string();  // the public half, which is also the end of the private one
  const std::string_view both = fields.string();
  if (both.size() != 64) fail("an Ed25519 key has 64 bytes");
  Key key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, bytes_of(both), 32));
  if (!key) fail("the numbers in it make no key");
  return key;
}

/// The format of PROTOCOL.key in OpenSSH's sources.
Key parse_openssh(std::string_view data) {
  if (!data.starts_with(kOpenSshMagic)) fail("it is no OpenSSH key of version 1");
  SshReader file(data.substr(kOpenSshMagic.size()));
  const std::string_view cipher = file.string();
  file.string();  // how a passphrase makes the cipher's key, and with what
  file.string();
  if (cipher != "none") throw Error("it is protected by a passphrase", kProtectedHint);
  if (file.number() != 1) fail("it holds several keys");
  file.string();
  SshReader fields(file.string());
  if (fields.number() != fields.number()) fail("its check numbers differ");
  const std::string_view type = fields.string();
  if (type == "ssh-rsa") return rsa_key(fields);
  if (type == "ssh-ed25519") return ed25519_key(fields);
  if (type.starts_with("ecdsa-sha2-")) return ecdsa_key(fields);
  fail("keys of type `" + std::string(type) + "` are not supported");
}

/// OpenSSL's call for a passphrase: there is none, and it is remembered that one was wanted.
int refuse_passphrase(char*, int, int, void* wanted) {
  *static_cast<bool*>(wanted) = true;
  return -1;
}

Key parse_pem(std::string_view text) {
  const Bio bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  bool passphrase = false;
  Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, refuse_passphrase, &passphrase));
  if (passphrase) {
    ERR_clear_error();
    throw Error("it is protected by a passphrase", kProtectedHint);
  }
  if (!key) fail("it is no private key in PEM or OpenSSH format");
  return key;
}

/// The content of the first PEM block when that is in OpenSSH's own format, which OpenSSL does not read.
bool read_openssh_block(std::string_view text, std::string& content) {
  const Bio bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  char *name = nullptr, *header = nullptr;
  unsigned char* data = nullptr;
  long length = 0;
  if (PEM_read_bio(bio.get(), &name, &header, &data, &length) != 1) {
    ERR_clear_error();
    return false;
  }
  const bool found = name == kOpenSshName;
  if (found) content.assign(reinterpret_cast<char*>(data), static_cast<std::size_t>(length));
  OPENSSL_free(name);
  OPENSSL_free(header);
  OPENSSL_clear_free(data, static_cast<std::size_t>(length));
  return found;
}

const Curve& curve_of(const EVP_PKEY* key) {
  std::array<char, 64> name{};
  std::size_t length = 0;
  EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, name.data(), name.size(), &length);
  for (const Curve& curve : kCurves) {
    if (std::string_view(name.data(), length) == curve.openssl_name) return curve;
  }
  fail("its curve `" + std::string(name.data(), length) + "` is not one of ssh");
}

std::string point_of(const EVP_PKEY* key) {
  std::string point(256, '\0');
  std::size_t length = 0;
  if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, reinterpret_cast<unsigned char*>(point.data()),
                                      point.size(), &length) != 1) {
    fail("the key is incomplete");
  }
  point.resize(length);
  return point;
}

std::string public_blob_of(const EVP_PKEY* key, const std::string& type) {
  SshWriter blob;
  blob.string(type);
  if (type == "ssh-rsa") {
    blob.mpint(magnitude_of(key, OSSL_PKEY_PARAM_RSA_E)).mpint(magnitude_of(key, OSSL_PKEY_PARAM_RSA_N));
  } else if (type == "ssh-ed25519") {
    std::array<unsigned char, 32> half{};
    std::size_t length = half.size();
    if (EVP_PKEY_get_raw_public_key(key, half.data(), &length) != 1) fail("the key is incomplete");
    blob.string({reinterpret_cast<char*>(half.data()), length});
  } else {
    blob.string(curve_of(key).ssh_name).string(point_of(key));
  }
  return blob.text();
}

std::string type_of(const EVP_PKEY* key) {
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
      return "ssh-rsa";
    case EVP_PKEY_ED25519:
      return "ssh-ed25519";
    case EVP_PKEY_EC:
      return "ecdsa-sha2-" + std::string(curve_of(key).ssh_name);
    default:
      fail("keys of this kind are not supported: RSA, ECDSA and Ed25519 are");
  }
}

/// `hash` is null for algorithms that hash by themselves.
std::string signature_of(EVP_PKEY* key, const char* hash, std::string_view data) {
  const DigestContext context(EVP_MD_CTX_new());
  std::size_t length = 0;
  if (!context || EVP_DigestSignInit_ex(context.get(), nullptr, hash, nullptr, nullptr, key, nullptr) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &length, bytes_of(data), data.size()) != 1) {
    fail("sign with an ssh key");
  }
  std::string signature(length, '\0');
  if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &length, bytes_of(data),
                     data.size()) != 1) {
    fail("sign with an ssh key");
  }
  signature.resize(length);
  return signature;
}

/// RFC 5656 section 3.1.2: two numbers instead of the ASN.1 that OpenSSL gives.
std::string ecdsa_numbers(const std::string& asn1) {
  const unsigned char* begin = bytes_of(asn1);
  const std::unique_ptr<ECDSA_SIG, Free<ECDSA_SIG_free>> pair(
      d2i_ECDSA_SIG(nullptr, &begin, static_cast<long>(asn1.size())));
  if (!pair) fail("sign with an ssh key");
  SshWriter numbers;
  numbers.mpint(magnitude_of(ECDSA_SIG_get0_r(pair.get()))).mpint(magnitude_of(ECDSA_SIG_get0_s(pair.get())));
  return numbers.text();
}

}  // namespace

SshKey::SshKey(void* key)
    : key_(key, [](void* object) { EVP_PKEY_free(static_cast<EVP_PKEY*>(object)); }),
      type_(type_of(static_cast<EVP_PKEY*>(key))),
      public_blob_(public_blob_of(static_cast<EVP_PKEY*>(key), type_)) {}

SshKey SshKey::parse(std::string_view text) {
  std::string content;
  const bool openssh = read_openssh_block(text, content);
  Key key = openssh ? parse_openssh(content) : parse_pem(text);
  OPENSSL_cleanse(content.data(), content.size());
  return SshKey(key.release());
}

SshKey SshKey::load(const std::filesystem::path& file) {
  std::string text = read_file(file, kLargestFile);
  return with_context("ssh key `" + file.string() + "`", [&] { return parse(text); });
}

std::string SshKey::sign(std::string_view data, std::uint32_t flags) const {
  auto* key = static_cast<EVP_PKEY*>(key_.get());
  std::string algorithm = type_, signature;
  if (type_ == "ssh-rsa") {
    const char* hash = "SHA1";
    if ((flags & kRsaSha512) != 0) {
      hash = "SHA512";
      algorithm = "rsa-sha2-512";
    } else if ((flags & kRsaSha256) != 0) {
      hash = "SHA256";
      algorithm = "rsa-sha2-256";
    }
    signature = signature_of(key, hash, data);
  } else if (type_ == "ssh-ed25519") {
    signature = signature_of(key, nullptr, data);
  } else {
    signature = ecdsa_numbers(signature_of(key, curve_of(key).hash, data));
  }
  return SshWriter().string(algorithm).string(signature).text();
}

}  // namespace util

// The token as Java's SunPKCS11 provider sees it. Every result of the token is compared with what
// the providers written in Java make of it; keys and signatures are left for OpenSSL to look at.
// Arguments: the provider's configuration, the PIN, a PKCS #12 file and its password.

import java.io.FileInputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.security.PrivateKey;
import java.security.Provider;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.security.Security;
import java.security.Signature;
import java.security.cert.Certificate;
import java.security.spec.AlgorithmParameterSpec;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.MGF1ParameterSpec;
import java.security.spec.PSSParameterSpec;
import java.security.spec.X509EncodedKeySpec;
import java.util.Arrays;
import java.util.List;
import javax.crypto.AEADBadTagException;
import javax.crypto.Cipher;
import javax.crypto.KeyAgreement;
import javax.crypto.KeyGenerator;
import javax.crypto.Mac;
import javax.crypto.SecretKey;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.IvParameterSpec;
import javax.crypto.spec.SecretKeySpec;

public final class Client {
    private static final byte[] MESSAGE = "a message of some length".getBytes(StandardCharsets.UTF_8);
    private static Provider token;

    public static void main(String[] arguments) throws Exception {
        token = Security.getProvider("SunPKCS11").configure(arguments[0]);
        Security.addProvider(token);
        char[] pin = arguments[1].toCharArray();
        KeyStore store = KeyStore.getInstance("PKCS11", token);
        // Before the login: a digest that is done closes its session, and if that was the last one,
        // the token logs out, as section 5.6.6 of the standard says.
        digests();
        store.load(null, pin);
        rsa();
        for (String curve : List.of("secp256r1", "secp384r1", "secp521r1")) {
            curve(curve);
        }
        aes(store);
        hmac();
        certificate(store, pin, arguments[2], arguments[3].toCharArray());
        random();
    }

    private static void check(String what, boolean good) {
        if (!good) {
            throw new AssertionError(what);
        }
        System.out.println("ok: " + what);
    }

    private static void digests() throws Exception {
        for (String name : List.of("SHA-1", "SHA-224", "SHA-256", "SHA-384", "SHA-512",
                "SHA-512/256", "SHA3-256", "SHA3-512")) {
            MessageDigest digest = MessageDigest.getInstance(name, token);
            digest.update(MESSAGE, 0, 5);
            digest.update(MESSAGE, 5, MESSAGE.length - 5);
            byte[] expected = MessageDigest.getInstance(name, "SUN").digest(MESSAGE);
            check(name, Arrays.equals(expected, digest.digest()));
        }
    }

    private static void rsa() throws Exception {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA", token);
        generator.initialize(2048);
        KeyPair pair = generator.generateKeyPair();
        for (String name : List.of("SHA1withRSA", "SHA256withRSA", "SHA512withRSA",
                "SHA3-256withRSA")) {
            sign(name, null, pair, "rsa-" + name);
        }
        sign("RSASSA-PSS", new PSSParameterSpec("SHA-256", "MGF1", MGF1ParameterSpec.SHA256, 32, 1),
                pair, "rsa-pss");
        PublicKey known = outside(pair.getPublic());
        Cipher cipher = Cipher.getInstance("RSA/ECB/PKCS1Padding", "SunJCE");
        cipher.init(Cipher.ENCRYPT_MODE, known);
        byte[] encrypted = cipher.doFinal(MESSAGE);
        cipher = Cipher.getInstance("RSA/ECB/PKCS1Padding", token);
        cipher.init(Cipher.DECRYPT_MODE, pair.getPrivate());
        check("RSA decrypts", Arrays.equals(MESSAGE, cipher.doFinal(encrypted)));
        wrap(pair);
    }

    /** A key wrapped outside of the token is unwrapped in it, and is the same. */
    private static void wrap(KeyPair pair) throws Exception {
        SecretKey key = new SecretKeySpec(new byte[] {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
            15, 16}, "AES");
        Cipher cipher = Cipher.getInstance("RSA/ECB/PKCS1Padding", "SunJCE");
        cipher.init(Cipher.WRAP_MODE, outside(pair.getPublic()));
        byte[] wrapped = cipher.wrap(key);
        cipher = Cipher.getInstance("RSA/ECB/PKCS1Padding", token);
        cipher.init(Cipher.UNWRAP_MODE, pair.getPrivate());
        SecretKey unwrapped = (SecretKey) cipher.unwrap(wrapped, "AES", Cipher.SECRET_KEY);
        encipher("RSA unwraps a key", "AES/ECB/NoPadding", null, unwrapped, key, new byte[32]);
    }

    private static void curve(String curve) throws Exception {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("EC", token);
        generator.initialize(new ECGenParameterSpec(curve));
        KeyPair pair = generator.generateKeyPair();
        sign("SHA256withECDSA", null, pair, curve);
        sign("SHA384withECDSAinP1363Format", null, pair, null);
        KeyPairGenerator other = KeyPairGenerator.getInstance("EC", "SunEC");
        other.initialize(new ECGenParameterSpec(curve));
        KeyPair peer = other.generateKeyPair();
        KeyAgreement here = KeyAgreement.getInstance("ECDH", token);
        here.init(pair.getPrivate());
        here.doPhase(peer.getPublic(), true);
        KeyAgreement there = KeyAgreement.getInstance("ECDH", "SunEC");
        there.init(peer.getPrivate());
        there.doPhase(outside(pair.getPublic()), true);
        check("ECDH on " + curve, Arrays.equals(there.generateSecret(), here.generateSecret()));
    }

    /** Signs in the token, verifies here and there; leaves key and signature if there is a name. */
    private static void sign(String algorithm, AlgorithmParameterSpec parameter, KeyPair pair,
            String name) throws Exception {
        Signature signer = signature(algorithm, parameter, token);
        signer.initSign(pair.getPrivate());
        signer.update(MESSAGE);
        byte[] signature = signer.sign();
        Provider java = Security.getProvider(algorithm.contains("EC") ? "SunEC" : "SunRsaSign");
        for (Provider provider : List.of(java, token)) {
            Signature verifier = signature(algorithm, parameter, provider);
            PublicKey key = provider == token ? pair.getPublic() : outside(pair.getPublic());
            verifier.initVerify(key);
            verifier.update(MESSAGE);
            check(algorithm + " verified by " + provider.getName(), verifier.verify(signature));
            verifier.initVerify(key);
            verifier.update(MESSAGE, 1, MESSAGE.length - 1);
            check("and not of other data", !verifier.verify(signature));
        }
        if (name != null) {
            Files.write(Path.of(name + ".pub"), pair.getPublic().getEncoded());
            Files.write(Path.of(name + ".sig"), signature);
        }
    }

    private static Signature signature(String algorithm, AlgorithmParameterSpec parameter,
            Provider provider) throws Exception {
        Signature signature = Signature.getInstance(algorithm, provider);
        if (parameter != null) {
            signature.setParameter(parameter);
        }
        return signature;
    }

    /** A public key as the providers written in Java know it. */
    private static PublicKey outside(PublicKey key) throws Exception {
        String algorithm = key.getAlgorithm();
        KeyFactory factory =
                KeyFactory.getInstance(algorithm, algorithm.equals("EC") ? "SunEC" : "SunRsaSign");
        return factory.generatePublic(new X509EncodedKeySpec(key.getEncoded()));
    }

    private static void aes(KeyStore store) throws Exception {
        KeyGenerator generator = KeyGenerator.getInstance("AES", token);
        generator.init(256);
        SecretKey key = generator.generateKey();
        SecretKey known = new SecretKeySpec(key.getEncoded(), "AES");
        byte[] blocks = new byte[160];
        Arrays.fill(blocks, (byte) 7);
        byte[] iv = new byte[16];
        iv[3] = 9;
        encipher("AES/ECB", "AES/ECB/NoPadding", null, key, known, blocks);
        encipher("AES/CBC", "AES/CBC/NoPadding", new IvParameterSpec(iv), key, known, blocks);
        encipher("AES/CBC padded", "AES/CBC/PKCS5Padding", new IvParameterSpec(iv), key, known, MESSAGE);
        encipher("AES/CTR", "AES/CTR/NoPadding", new IvParameterSpec(iv), key, known, MESSAGE);
        GCMParameterSpec gcm = new GCMParameterSpec(128, Arrays.copyOf(iv, 12));
        encipher("AES/GCM", "AES/GCM/NoPadding", gcm, key, known, MESSAGE);
        store.setKeyEntry("secret", known, null, null);
        SecretKey kept = (SecretKey) store.getKey("secret", null);
        encipher("AES/CBC with a kept key", "AES/CBC/NoPadding", new IvParameterSpec(iv), kept,
                known, blocks);
        store.deleteEntry("secret");
        check("the kept key is deleted", store.getKey("secret", null) == null);
    }

    private static void encipher(String what, String algorithm, AlgorithmParameterSpec parameter,
            SecretKey key, SecretKey known, byte[] data) throws Exception {
        byte[] here = transform(algorithm, token, Cipher.ENCRYPT_MODE, parameter, key, data);
        byte[] there = transform(algorithm, Security.getProvider("SunJCE"), Cipher.ENCRYPT_MODE,
                parameter, known, data);
        check(what + " encrypts", Arrays.equals(there, here));
        byte[] back = transform(algorithm, token, Cipher.DECRYPT_MODE, parameter, key, here);
        check(what + " decrypts", Arrays.equals(data, back));
        if (!algorithm.contains("GCM")) {
            return;
        }
        here[0] ^= 1;
        try {
            transform(algorithm, token, Cipher.DECRYPT_MODE, parameter, key, here);
            check(what + " refuses what was changed", false);
        } catch (AEADBadTagException expected) {
            check(what + " refuses what was changed", true);
        }
    }

    /**
     * In two parts, the first of one byte more than two blocks where there is as much; GCM in one,
     * as the provider of Java 17 forgets the last of several parts.
     */
    private static byte[] transform(String algorithm, Provider provider, int mode,
            AlgorithmParameterSpec parameter, SecretKey key, byte[] data) throws Exception {
        Cipher cipher = Cipher.getInstance(algorithm, provider);
        cipher.init(mode, key, parameter);
        if (algorithm.contains("GCM")) {
            cipher.updateAAD(MESSAGE);
            return cipher.doFinal(data);
        }
        int split = Math.min(33, data.length / 2);
        byte[] first = cipher.update(data, 0, split);
        byte[] last = cipher.doFinal(data, split, data.length - split);
        if (first == null) {
            return last;
        }
        byte[] whole = Arrays.copyOf(first, first.length + last.length);
        System.arraycopy(last, 0, whole, first.length, last.length);
        return whole;
    }

    private static void hmac() throws Exception {
        byte[] value = Arrays.copyOf(MESSAGE, 20);
        for (String name : List.of("HmacSHA1", "HmacSHA256", "HmacSHA512")) {
            SecretKey key = new SecretKeySpec(value, name);
            Mac here = Mac.getInstance(name, token);
            here.init(key);
            Mac there = Mac.getInstance(name, "SunJCE");
            there.init(key);
            check(name, Arrays.equals(there.doFinal(MESSAGE), here.doFinal(MESSAGE)));
        }
    }

    /** A key and its certificate from a file are kept in the token, and found again. */
    private static void certificate(KeyStore store, char[] pin, String file, char[] password)
            throws Exception {
        KeyStore source = KeyStore.getInstance("PKCS12");
        try (FileInputStream input = new FileInputStream(file)) {
            source.load(input, password);
        }
        Certificate certificate = source.getCertificate("own");
        store.setKeyEntry("own", source.getKey("own", password), null,
                source.getCertificateChain("own"));
        KeyStore again = KeyStore.getInstance("PKCS11", token);
        again.load(null, pin);
        check("an entry is kept", again.isKeyEntry("own"));
        check("its certificate is the same", certificate.equals(again.getCertificate("own")));
        KeyPair pair = new KeyPair(certificate.getPublicKey(), (PrivateKey) again.getKey("own", null));
        sign("SHA256withRSA", null, pair, null);
    }

    private static void random() throws Exception {
        SecureRandom source = SecureRandom.getInstance("PKCS11", token);
        byte[] one = new byte[32];
        byte[] other = new byte[32];
        source.nextBytes(one);
        source.nextBytes(other);
        check("random bytes differ", !Arrays.equals(one, other));
    }
}
